import { defaultMaxBodyBytes, maxBodyBytesOf } from '../../xds/body-limit.ts';
import { FieldReader } from '../../xds/field-reader.ts';
import { fields } from '../../xds/fields.ts';
import { textOf } from '../../xds/text.ts';
import { wrappedBoolOf } from '../../xds/wire.ts';
import { expectLengthDelimited } from '../../xds/wire-type.ts';

const { name, max_direct_response_body_size_bytes, validate_clusters } = fields.RouteConfiguration;

/** What a route configuration says of itself. */
export interface ConfigurationHead {
  readonly name: string;
  /** How long the body of a direct response may be. */
  readonly maxBodyBytes: number;
  readonly validatesClusters: boolean;
}

/**
 * Reads a route configuration’s head: in one walk where it sets nothing but its name, as Envoy
 * Gateway’s do. Throws MalformedMessageError.
 */
export function readHead(routeConfiguration: Uint8Array): ConfigurationHead {
  const reader = new FieldReader(routeConfiguration);
  let text = '';
  let isPlain = true;
  while (reader.next()) {
    switch (reader.number) {
      case name.number:
        expectLengthDelimited(reader, name);
        text = textOf(routeConfiguration, reader.valueStart, reader.end);
        break;
      case max_direct_response_body_size_bytes.number:
      case validate_clusters.number:
        isPlain = false;
    }
  }
  if (isPlain) return { name: text, maxBodyBytes: defaultMaxBodyBytes, validatesClusters: false };
  return {
    name: text,
    maxBodyBytes: maxBodyBytesOf(routeConfiguration),
    validatesClusters: wrappedBoolOf(routeConfiguration, validate_clusters) ?? false,
  };
}
