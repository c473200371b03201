import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { summarizeConfiguration } from '../../src/status/configuration-summary.ts';

const files = { certFile: '/secret/place/tls.crt', keyFile: '/secret/place/tls.key' };

describe('what the status page says of TLS', () => {
  it.each([
    [undefined, 'off: plain text'],
    [files, 'TLS, any client'],
    [{ ...files, clientCAFile: 'ca.crt' }, 'mutual TLS, any client of the CA'],
    [{ ...files, clientCAFile: 'ca.crt', allowedSANs: ['a.b', 'c.d'] }, 'mutual TLS, a.b, c.d'],
  ])('of %j: %s, and no path', (tls, value) => {
    const config = configSchema.parse({ grpc: { tls } });
    const settings = summarizeConfiguration(config);
    expect(settings).toContainEqual({ option: 'grpc.tls', value });
    expect(JSON.stringify(settings)).not.toContain('secret');
  });
});
