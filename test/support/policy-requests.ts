import { encodeField } from '../../src/xds/encoding.ts';
import { fields } from '../../src/xds/fields.ts';

/** A PostRouteModifyRequest with a route and the objects that target it, each as its JSON. */
export function routeRequest(route: Uint8Array, policies: readonly Uint8Array[]): Buffer {
  const { PostRouteExtensionContext, PostRouteModifyRequest } = fields;
  const context = policies.map((json) =>
    encodeField(PostRouteExtensionContext.extension_policies, extensionResource(json)),
  );
  return Buffer.concat([
    encodeField(PostRouteModifyRequest.route, route),
    encodeField(PostRouteModifyRequest.post_route_context, Buffer.concat(context)),
  ]);
}

/** The PostTranslateExtensionContext with the objects that target a Gateway, each as its JSON. */
export function translateContext(policies: readonly Uint8Array[]): Buffer {
  const { PostTranslateExtensionContext } = fields;
  return Buffer.concat(
    policies.map((json) =>
      encodeField(PostTranslateExtensionContext.extension_resources, extensionResource(json)),
    ),
  );
}

function extensionResource(json: Uint8Array): Uint8Array {
  return encodeField(fields.ExtensionResource.unstructured_bytes, json);
}
