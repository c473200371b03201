import { z } from 'zod';

const routeSchema = z.looseObject({ name: z.string(), match: z.looseObject({}) });

const dumpSchema = z.object({
  configs: z.array(
    z.object({
      dynamic_route_configs: z
        .array(
          z.object({
            route_config: z.object({
              name: z.string(),
              virtual_hosts: z
                .array(z.object({ name: z.string(), routes: z.array(routeSchema).default([]) }))
                .default([]),
            }),
          }),
        )
        .default([]),
    }),
  ),
});

/** A route as a config dump has it. */
export type DumpedRoute = z.output<typeof routeSchema>;

/** The routes of one virtual host in a config dump, in Envoy's order. */
export function routesOf(
  dump: unknown,
  virtualHost: string,
  routeConfiguration: string,
): readonly DumpedRoute[] {
  const found = dumpSchema
    .parse(dump)
    .configs.flatMap((config) => config.dynamic_route_configs)
    .filter(({ route_config }) => route_config.name === routeConfiguration)
    .flatMap(({ route_config }) => route_config.virtual_hosts)
    .find(({ name }) => name === virtualHost);
  if (found === undefined) throw new Error(`testbed: Envoy has no virtual host ${virtualHost}`);
  return found.routes;
}
