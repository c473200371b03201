import type { Steps } from '../steps.ts';
import { BackwardWriter } from '../xds/backward-writer.ts';
import { mapResourcesInSteps, type Snapshot } from '../xds/snapshot.ts';
import { readHead } from './offline-connectors/configuration-head.ts';
import {
  allowConnect,
  type ServedConfigurations,
  surveyConnectionManagers,
} from './offline-connectors/connection-managers.ts';
import type { RouteConfigurationContext } from './offline-connectors/context.ts';
import { type OfflineAnswers, offlineAnswers } from './offline-connectors/messages.ts';
import { OurDomains } from './offline-connectors/our-domains.ts';
import { nameVirtualHosts } from './offline-connectors/our-names.ts';
import { rewriteHosts } from './offline-connectors/rewrite-hosts.ts';
import { type Survey, survey } from './offline-connectors/survey.ts';
import { openTunnels } from './offline-connectors/tunnel-clusters.ts';
import type { RewriteSettings, Rewritten, State } from './pipeline.ts';
import { emptyReport } from './report.ts';
import { ReportBuilder } from './report-builder.ts';

/**
 * Routes that forward to an offline connector answer at once; online connectors get their tunnel.
 * Looks over the whole snapshot first, because a cluster may be used by several routes.
 */
export function* rewriteOfflineConnectors(
  snapshot: Snapshot,
  { connectors: view }: State,
  settings: RewriteSettings,
): Steps<Rewritten> {
  if (view.isEmpty) return { snapshot, report: emptyReport };
  const report = new ReportBuilder('offline-connectors');
  const found = survey(snapshot, view, report);
  yield;
  const { internalListener } = settings.connectors;
  const opened = openTunnels(snapshot, found, internalListener, report);
  yield;
  const ourNameOf = nameVirtualHosts(snapshot);
  const served = surveyConnectionManagers(snapshot, report);
  yield;
  const rewriting: Rewriting = {
    ...{ found, view, report, served, ourNameOf },
    settings: settings.connectors,
    budget: snapshot.budget,
    tunnels: opened.tunnels,
    answers: offlineAnswers(settings.connectors.offlineResponse),
    needConnect: new Set(),
    writer: new BackwardWriter(),
  };
  const rewrite = { rewrite: rewriteConfiguration, unreadable: report.unreadable };
  const routed = yield* mapResourcesInSteps(opened.snapshot, 'routes', rewrite, rewriting);
  yield;
  const allowed = allowConnect(routed, served, rewriting.needConnect, report);
  return { snapshot: allowed, report: report.finish(found.offlineClusters) };
}

/** What holds for all route configurations of a snapshot, and what they come to need. */
interface Rewriting
  extends Pick<
    RouteConfigurationContext,
    'view' | 'settings' | 'report' | 'budget' | 'tunnels' | 'ourNameOf'
  > {
  readonly found: Survey;
  readonly served: ServedConfigurations;
  readonly answers: OfflineAnswers;
  /** Of the route configurations that change; goes when the call is done. */
  readonly writer: BackwardWriter;
  /** The names of those whose CONNECT answers need the connection managers to let CONNECT through. */
  readonly needConnect: Set<string>;
}

function rewriteConfiguration(
  routeConfiguration: Uint8Array,
  index: number,
  its: Rewriting,
): Uint8Array {
  const surveyed = its.found.concerned.get(index);
  if (surveyed === undefined) return routeConfiguration;
  const { view, settings, report, budget, tunnels, ourNameOf } = its;
  const { name, maxBodyBytes, validatesClusters } = readHead(routeConfiguration);
  const context = {
    name,
    view,
    settings,
    report,
    budget,
    tunnels,
    ourNameOf,
    validatesClusters,
    offlineAnswer: its.answers.within(maxBodyBytes),
    connectable: its.served.isConnectable(name),
    ourDomains: new OurDomains(routeConfiguration),
  };
  const { writer } = its;
  const hosts = { routeConfiguration, surveyed, context, writer, needsConnect: false };
  const value = report.allOrNothing(rewriteHosts, hosts);
  if (hosts.needsConnect) its.needConnect.add(name);
  return value;
}
