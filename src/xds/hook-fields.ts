import { fieldsOf } from './field-ref.ts';

/** Messages of Envoy Gateway’s hooks. */
export const hookFields = {
  PostTranslateModifyRequest: fieldsOf('envoygateway.extension.PostTranslateModifyRequest', {
    post_translate_context: 1,
    clusters: 2,
    secrets: 3,
    listeners: 4,
    routes: 5,
  }),
  PostTranslateExtensionContext: fieldsOf('envoygateway.extension.PostTranslateExtensionContext', {
    extension_resources: 1,
  }),
  PostEndpointsModifyRequest: fieldsOf('envoygateway.extension.PostEndpointsModifyRequest', {
    load_assignment: 1,
  }),
  PostRouteModifyRequest: fieldsOf('envoygateway.extension.PostRouteModifyRequest', {
    route: 1,
    post_route_context: 2,
  }),
  PostRouteExtensionContext: fieldsOf('envoygateway.extension.PostRouteExtensionContext', {
    extension_policies: 3,
  }),
  ExtensionResource: fieldsOf('envoygateway.extension.ExtensionResource', {
    unstructured_bytes: 1,
  }),
} as const;
