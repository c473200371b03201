import { decideFallback } from '../../policy/decide-fallback.ts';
import { type FallbackSpec, fallbackModes } from '../../policy/fallback-policy.ts';
import type { OfframpPolicy } from '../../policy/offramp-policy.ts';
import { readStamp } from '../../policy/route-stamp.ts';
import { fields } from '../../xds/fields.ts';
import { readGatewayObject } from '../../xds/gateway-metadata.ts';
import { readRoute } from '../../xds/route.ts';
import { identifyRoute, type RouteIdentity } from '../../xds/route-identity.ts';
import type { Place } from '../report.ts';
import type { ReportBuilder } from '../report-builder.ts';
import { isFallbackRouteName } from './own-routes.ts';
import type { ControlPlaneFallbackSettings, FallbackOptions, VmRouteName } from './settings.ts';

/** A route whose backends are VMs, and what holds for it. */
export interface VmRoute {
  readonly route: Uint8Array;
  readonly name: string;
  readonly identity: RouteIdentity;
  readonly options: FallbackOptions;
  /** Who opted it in: policies, else the configuration. */
  readonly by: string;
  /** False when it was, with all other routes of its Gateway or listener. */
  readonly isNamed: boolean;
}

/** Tells of each route whether it is opted in, and with which options. */
export class OptIns {
  readonly #settings: ControlPlaneFallbackSettings;
  readonly #policies: readonly OfframpPolicy[];
  readonly #report: ReportBuilder;
  readonly #seen = new Set<VmRouteName>();
  /** Those whose HTTPRoute is there, though perhaps not their rule. */
  readonly #objectSeen = new Set<VmRouteName>();

  constructor(
    settings: ControlPlaneFallbackSettings,
    policies: readonly OfframpPolicy[],
    report: ReportBuilder,
  ) {
    this.#settings = settings;
    this.#policies = policies;
    this.#report = report;
  }

  /** Routes that the configuration names and `find` has not met; of some it has met other rules. */
  get unseen(): readonly { readonly route: VmRouteName; readonly hasOtherRules: boolean }[] {
    const unseen = this.#settings.routes.filter((route) => !this.#seen.has(route));
    return unseen.map((route) => ({ route, hasOtherRules: this.#objectSeen.has(route) }));
  }

  /** What the policies of a virtual host’s listener and Gateway say. */
  ofVirtualHost(virtualHost: Uint8Array): FallbackSpec & { readonly by?: string } {
    if (this.#policies.length === 0) return {};
    const object = readGatewayObject(virtualHost, fields.VirtualHost.metadata);
    if (object === undefined) return {};
    const { namespace, name, sectionName: section } = object;
    const subject = { kind: 'Gateway', namespace, name, section };
    return this.#decided(decideFallback(this.#policies, subject));
  }

  /** The route as a VM’s, undefined when it is not opted in. Throws MalformedMessageError. */
  find(
    route: Uint8Array,
    host: FallbackSpec & { readonly by?: string },
    place: Place,
  ): VmRoute | undefined {
    const { name } = readRoute(route);
    if (isFallbackRouteName(name)) return undefined;
    const identity = identifyRoute(route, name);
    if (identity?.object.kind.toLowerCase() !== 'httproute') return undefined; // gRPC has no GET
    const named = this.#namedBy(identity, { ...place, route: name });
    const own = this.#decided(readStamp(route)?.fallback);
    const [enabled] = fallbackModes;
    const decider = [own, host].find((one) => one.mode !== undefined);
    const mode = decider?.mode ?? (named ? enabled : undefined);
    if (mode !== enabled) return undefined;
    const by = decider?.by ?? 'the configuration';
    const isNamed = named || own.mode !== undefined;
    return { route, name, identity, options: this.#optionsOf(own, host), by, isNamed };
  }

  /** Each option by the nearest that has it: policies of the route, of its Gateway, the configuration. */
  #optionsOf(own: FallbackSpec, host: FallbackSpec): FallbackOptions {
    const of = <Name extends keyof FallbackOptions>(name: Name) =>
      own[name] ?? host[name] ?? this.#settings[name];
    return {
      pathTemplate: of('pathTemplate'),
      registry: of('registry'),
      controlPlane: of('controlPlane'),
      injectedQueryParameter: of('injectedQueryParameter'),
      rememberFor: of('rememberFor'),
      bufferLimitBytes: of('bufferLimitBytes'),
    };
  }

  #decided(decided: ReturnType<typeof decideFallback>): FallbackSpec & { readonly by?: string } {
    if (decided === undefined) return {};
    for (const { policy, by } of decided.overruled) {
      const detail = `has the same target as ${by}, which decides: it is older, or first by name`;
      this.#report.skipped('policy-overruled', { kind: 'policies', resource: policy }, detail);
    }
    return { ...decided.spec, by: decided.policies.join(', ') };
  }

  #namedBy({ object, rule }: RouteIdentity, place: Place): boolean {
    const ofObject = this.#settings.routes.filter(
      (one) =>
        one.kind.toLowerCase() === object.kind.toLowerCase() &&
        one.namespace === object.namespace &&
        one.name === object.name,
    );
    const named = ofObject.filter((one) => one.rule === undefined || one.rule === rule);
    for (const one of ofObject) this.#objectSeen.add(one);
    for (const one of named) this.#seen.add(one);
    if (ofObject.length > 0 && named.length === 0 && rule === undefined) {
      for (const one of ofObject) this.#seen.add(one);
      const detail = 'which rule of its route it is cannot be told from its name';
      this.#report.skipped('unparsable-route-name', place, detail);
    }
    return named.length > 0;
  }
}
