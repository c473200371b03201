/** An HTTPProxy whose only backend is behind a connector. */
export function httpProxy(namespace: string, name: string, connector: string) {
  const backends = [{ endpoint: 'http://home:8123', connector: { name: connector } }];
  return { metadata: { namespace, name }, spec: { rules: [{ backends }] } };
}

/** A Connector that is Ready, or not. */
export function connector(
  namespace: string,
  name: string,
  isReady: boolean,
  id = `node-of-${name}`,
) {
  const conditions = [{ type: 'Ready', status: isReady ? 'True' : 'False' }];
  const connectionDetails = { type: 'PublicKey', publicKey: { id } };
  return { metadata: { namespace, name }, status: { conditions, connectionDetails } };
}

/** A Namespace that is a replica of another, or not. */
export function namespaceObject(name: string, upstream?: string) {
  const labels = upstream && { 'meta.datumapis.com/upstream-namespace': upstream };
  return { metadata: { name, ...(labels && { labels }) } };
}

/** A Gateway without listeners. */
export function gateway(namespace: string, name: string) {
  return { metadata: { namespace, name }, spec: { gatewayClassName: 'eg' } };
}

/** An HTTPRoute that is attached to Gateways of its namespace. */
export function httpRoute(namespace: string, name: string, ...gateways: readonly string[]) {
  const parentRefs = gateways.map((one) => ({ name: one }));
  return { metadata: { namespace, name }, spec: { parentRefs } };
}
