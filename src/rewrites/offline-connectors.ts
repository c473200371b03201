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
  surveyConnectionManagers,
} from './offline-connectors/connection-managers.ts';
import type { RouteConfigurationContext } from './offline-connectors/context.ts';
import { encodeOfflineAnswers } from './offline-connectors/messages.ts';
import { domainTaker } from './offline-connectors/our-domains.ts';
import { nameVirtualHosts } from './offline-connectors/our-names.ts';
import { rewriteVirtualHost } from './offline-connectors/rewrite-virtual-host.ts';
import { type SurveyedConfiguration, survey } from './offline-connectors/survey.ts';
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
  const answerWithin = encodeOfflineAnswers(settings.connectors.offlineResponse);
  const served = surveyConnectionManagers(snapshot, report);
  yield;
  const needConnect = new Set<string>();
  const routed = yield* mapResourcesInSteps(
    opened.snapshot,
    'routes',
    (routeConfiguration, index) => {
      const surveyed = found.concerned.get(index);
      if (surveyed === undefined) return routeConfiguration;
      const { name, maxBodyBytes, validatesClusters } = readHead(routeConfiguration);
      const rewritten = rewriteConfiguration(routeConfiguration, surveyed, {
        name,
        view,
        settings: settings.connectors,
        report,
        checkpoint: snapshot.checkpoint,
        tunnels: opened.tunnels,
        ourNameOf,
        offlineAnswer: answerWithin(maxBodyBytes),
        connectable: served.isConnectable(name),
        validatesClusters,
        takeDomain: domainTaker(routeConfiguration),
      });
      if (rewritten.needsConnect) needConnect.add(name);
      return rewritten.value;
    },
    report.unreadable,
  );
  yield;
  const allowed = allowConnect(routed, served, needConnect, report);
  return { snapshot: allowed, report: report.finish(found.offlineClusters) };
}

function rewriteConfiguration(
  routeConfiguration: Uint8Array,
  surveyed: SurveyedConfiguration,
  context: RouteConfigurationContext,
): { readonly value: Uint8Array; readonly needsConnect: boolean } {
  let needsConnectNow = false;
  let place = 0;
  let next = 0;
  const rewriteHost = (field: FieldReader): FieldEdit => {
    const host = surveyed[next];
    if (host?.place !== place) return 'keep';
    next++;
    const { pieces, needsConnect } = rewriteVirtualHost(field.value(), host.routes, context);
    needsConnectNow ||= needsConnect;
    if (pieces === undefined) return 'keep';
    let length = 0;
    for (const piece of pieces) length += piece.length;
    return [encodeFieldHead(RouteConfiguration.virtual_hosts, length), ...pieces];
  };
  const value = context.report.allOrNothing(() =>
    editFields(routeConfiguration, (field) => {
      if (field.number !== RouteConfiguration.virtual_hosts.number) return 'keep';
      context.checkpoint?.(field.end - field.valueStart);
      try {
        return rewriteHost(field);
      } catch (error) {
        throw seenFromOutside(error, `virtual_hosts[${place}]`, field.valueStart);
      } finally {
        place++;
      }
    }),
  );
  return { value, needsConnect: needsConnectNow };
}
