import { readClusterNames } from '../xds/cluster.ts';
import { fields } from '../xds/fields.ts';
import { mapResources } from '../xds/snapshot.ts';
import { mapFields, stringOf } from '../xds/wire.ts';
import { rewriteSplit, type SplitContext } from './empty-backends/rewrite-split.ts';
import type { Rewrite } from './pipeline.ts';
import { emptyReport } from './report.ts';
import { ReportBuilder } from './report-builder.ts';

const { RouteConfiguration, VirtualHost } = fields;

/**
 * BackendRefs without an endpoint that takes requests leave their weighted split; the others have
 * all of the requests, in their relative weights. Invalid backendRefs keep their share of 500s.
 */
export const rewriteEmptyBackends: Rewrite = (snapshot, { backendRefs }, settings) => {
  if (settings.emptyBackends.mode === 'Keep') return { snapshot, report: emptyReport };
  const report = new ReportBuilder('empty-backends');
  const clusters = readClusterNames(snapshot);
  const rewritten = mapResources(
    snapshot,
    'routes',
    (routeConfiguration) => {
      const resource = stringOf(routeConfiguration, RouteConfiguration.name);
      return report.allOrNothing(() =>
        mapFields(routeConfiguration, RouteConfiguration.virtual_hosts, (virtualHost) => {
          const name = stringOf(virtualHost, VirtualHost.name);
          const place = { kind: 'routes', resource, virtualHost: name } as const;
          const context: SplitContext = { clusters, backendRefs, report, place };
          return mapFields(virtualHost, VirtualHost.routes, (route) =>
            rewriteSplit(route, context),
          );
        }),
      );
    },
    report.unreadable,
  );
  return { snapshot: rewritten, report: report.finish([]) };
};
