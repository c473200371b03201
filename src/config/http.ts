import * as z from 'zod';
import { tcpAddressSchema } from './addresses.ts';
import { durationSchema } from './durations.ts';

const limitsSchema = z
  .strictObject({
    connections: z
      .int()
      .min(1)
      .max(10_000)
      .default(64)
      .describe(
        'Connections at a time. For a further one the longest idle goes; 503 when all are busy.',
      ),
    requestTimeout: durationSchema(0.1, 60)
      .default('10s')
      .describe(
        'For a request to arrive, and for a client to go on reading its answer. A slower one: 408, ' +
          'or the connection is closed.',
      ),
  })
  .prefault({});

/** `http` of the configuration. */
export const httpSchema = z
  .strictObject({
    address: tcpAddressSchema
      .default('127.0.0.1:8080')
      .describe(
        'Where /metrics, /healthz, /readyz and /status are. For probes from outside a container: 0.0.0.0:8080.',
      ),
    limits: limitsSchema,
  })
  .prefault({});

/** What `http` says. */
export type HttpConfig = z.output<typeof httpSchema>;
