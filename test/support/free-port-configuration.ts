type Section = Readonly<Record<string, unknown>>;

/**
 * A configuration for a test, of which several run side by side: free ports of loopback where it names
 * no address. gRPC there is plain text, which has to be asked for, unless it has TLS or a unix socket.
 */
export function withFreePorts(config: Section): Section {
  const grpc: Section = { address: '127.0.0.1:0', ...sectionOf(config.grpc) };
  const isPlainTcp = grpc.tls === undefined && !String(grpc.address).startsWith('unix:');
  return {
    http: { address: '127.0.0.1:0' },
    ...config,
    grpc: isPlainTcp ? { insecure: true, ...grpc } : grpc,
  };
}

function sectionOf(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}
