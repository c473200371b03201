import type { ConnectorLookup } from '../../state/connectors.ts';
import type { Budget } from '../../xds/snapshot.ts';
import type { Place } from '../report.ts';
import type { ReportBuilder } from '../report-builder.ts';
import type { OfflineAnswer } from './messages.ts';
import type { OurDomains } from './our-domains.ts';
import type { ConnectorSettings } from './settings.ts';

/** What holds for one whole route configuration while its routes are rewritten. */
export interface RouteConfigurationContext {
  readonly name: string;
  readonly view: ConnectorLookup;
  readonly settings: ConnectorSettings;
  /** What `settings.offlineResponse` is as fields of a Route, as far as this route configuration allows. */
  readonly offlineAnswer: OfflineAnswer;
  readonly report: ReportBuilder;
  /** Is told of every virtual host: a route configuration may have thousands. */
  readonly budget: Budget | undefined;
  /** Clusters that lead into an online connector's tunnel, and its name. */
  readonly tunnels: ReadonlyMap<string, string>;
  /** Whether a CONNECT request reaches a direct response (else Envoy says 403). */
  readonly connectable: boolean;
  /** `validate_clusters`: a route to an absent cluster would make Envoy reject everything. */
  readonly validatesClusters: boolean;
  /** The name that a virtual host has in our route names and domains, by its own. */
  readonly ourNameOf: (virtualHost: string) => string;
  readonly ourDomains: OurDomains;
}

/** The place of a virtual host, or of a route in it, for the report. */
export function placeOf(
  context: RouteConfigurationContext,
  virtualHost: string,
  route?: string,
): Place {
  const { name: resource } = context;
  return route === undefined
    ? { kind: 'routes', resource, virtualHost }
    : { kind: 'routes', resource, virtualHost, route };
}
