import type { Steps } from '../steps.ts';
import { encodeFieldHead } from '../xds/encoding.ts';
import type { FieldReader } from '../xds/field-reader.ts';
import { fields } from '../xds/fields.ts';
import { seenFromOutside } from '../xds/malformed.ts';
import { mapResourcesInSteps, type Snapshot } from '../xds/snapshot.ts';
import { editFields, type FieldEdit } from '../xds/wire.ts';
import { readHead } from './offline-connectors/configuration-head.ts';
import {
  allowConnect,
  type ServedConfigurations,
  surveyConnectionManagers,
} from './offline-connectors/connection-managers.ts';
import type { RouteConfigurationContext } from './offline-connectors/context.ts';
import { OfflineAnswers } from './offline-connectors/messages.ts';
import { OurDomains } from './offline-connectors/our-domains.ts';
import { nameVirtualHosts } from './offline-connectors/our-names.ts';
import { rewriteVirtualHost } from './offline-connectors/rewrite-virtual-host.ts';
import { type Survey, type SurveyedConfiguration, survey } from './offline-connectors/survey.ts';
import { openTunnels } from './offline-connectors/tunnel-clusters.ts';
import type { RewriteSettings, Rewritten, State } from './pipeline.ts';
import { emptyReport } from './report.ts';
import { ReportBuilder } from './report-builder.ts';

const { RouteConfiguration } = fields;

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
    answers: new OfflineAnswers(settings.connectors.offlineResponse),
    needConnect: new Set(),
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
  /** The names of those whose CONNECT answers need the connection managers to let CONNECT through. */
  readonly needConnect: Set<string>;
}

/** The virtual hosts of a route configuration, walked one after the other. */
interface OpenHosts {
  readonly routeConfiguration: Uint8Array;
  readonly surveyed: SurveyedConfiguration;
  readonly context: RouteConfigurationContext;
  /** The place of the one that comes next. */
  place: number;
  /** The place, in `surveyed`, of the next one that may change. */
  next: number;
  needsConnect: boolean;
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
  const hosts = { routeConfiguration, surveyed, context, place: 0, next: 0, needsConnect: false };
  const value = report.allOrNothing(rewriteHosts, hosts);
  if (hosts.needsConnect) its.needConnect.add(name);
  return value;
}

function rewriteHosts(hosts: OpenHosts): Uint8Array {
  return editFields(hosts.routeConfiguration, rewriteField, [], hosts);
}

function rewriteField(field: FieldReader, hosts: OpenHosts): FieldEdit {
  if (field.number !== RouteConfiguration.virtual_hosts.number) return 'keep';
  hosts.context.budget?.spend(field.end - field.valueStart);
  try {
    return rewriteHost(field, hosts);
  } catch (error) {
    throw seenFromOutside(error, `virtual_hosts[${hosts.place}]`, field.valueStart);
  } finally {
    hosts.place++;
  }
}

function rewriteHost(field: FieldReader, hosts: OpenHosts): FieldEdit {
  const host = hosts.surveyed[hosts.next];
  if (host?.place !== hosts.place) return 'keep';
  hosts.next++;
  const { pieces, needsConnect } = rewriteVirtualHost(field.value(), host.routes, hosts.context);
  hosts.needsConnect ||= needsConnect;
  if (pieces === undefined) return 'keep';
  let length = 0;
  for (const piece of pieces) length += piece.length;
  return [encodeFieldHead(RouteConfiguration.virtual_hosts, length), ...pieces];
}
