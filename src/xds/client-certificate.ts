import { concatenate } from './encoding.ts';
import type { FieldRef } from './field-ref.ts';
import { fields } from './fields.ts';
import { hasField, lastValueOf, stringOf, valuesOf, wrappedBoolOf } from './wire.ts';

const { FilterChain, TransportSocket, Any, QuicDownstreamTransport, DownstreamTlsContext } = fields;
const { CommonTlsContext } = fields;

const tlsType = '/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext';
const quicType = '/envoy.extensions.transport_sockets.quic.v3.QuicDownstreamTransport';

const aboutTheClient = [
  CommonTlsContext.validation_context,
  CommonTlsContext.validation_context_sds_secret_config,
  CommonTlsContext.combined_validation_context,
];

/**
 * How a filter chain verifies the certificate that it demands of every client, as bytes to compare;
 * undefined when a client needs none. Throws MalformedMessageError.
 */
export function demandedClientCertificate(chain: Uint8Array): Uint8Array | undefined {
  const config = mergedOf(
    mergedOf(chain, FilterChain.transport_socket),
    TransportSocket.typed_config,
  );
  const tls = downstreamTlsOf(config);
  if (tls === undefined) return undefined;
  const { require_client_certificate, common_tls_context } = DownstreamTlsContext;
  if (wrappedBoolOf(tls, require_client_certificate) !== true) return undefined;
  const common = mergedOf(tls, common_tls_context);
  const said = aboutTheClient.filter((field) => hasField(common, field));
  return concatenate(said.map((field) => mergedOf(common, field)));
}

function downstreamTlsOf(config: Uint8Array): Uint8Array | undefined {
  const type = stringOf(config, Any.type_url);
  const value = lastValueOf(config, Any.value) ?? new Uint8Array();
  if (type.endsWith(tlsType)) return value;
  if (!type.endsWith(quicType)) return undefined;
  return mergedOf(value, QuicDownstreamTransport.downstream_tls_context);
}

/** A message field given more than once means all its occurrences merged. */
function mergedOf(message: Uint8Array, field: FieldRef): Uint8Array {
  return concatenate(valuesOf(message, field));
}
