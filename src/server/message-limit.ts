/** Bytes; a snapshot of 1,000 gateways has about 7.4 MB, Envoy Gateway's own default allows 4 MiB. */
export const maxMessageBytes = 256 * 1024 * 1024;
