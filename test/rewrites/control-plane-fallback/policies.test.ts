import { describe, expect, it } from 'vitest';
import { stampRoute } from '../../../src/policy/route-stamp.ts';
import { encodeField, encodeString } from '../../../src/xds/encoding.ts';
import { fields } from '../../../src/xds/fields.ts';
import { readSnapshot } from '../../../src/xds/snapshot.ts';
import { mapFields } from '../../../src/xds/wire.ts';
import {
  addFallback,
  address,
  noRoute,
  settingsOf,
  vmOptedIn,
  vmRoute,
  vmSnapshot,
} from '../../support/fallback-snapshot.ts';
import { decodeSnapshot, encodeRequest } from '../../support/xds.ts';

describe('a policy', () => {
  const policy = (name: string, kind: string, spec: object) =>
    JSON.stringify({
      apiVersion: 'offramp.dev/v1alpha1',
      kind: 'OfframpPolicy',
      metadata: { namespace: 'default', name },
      spec: {
        targetRefs: [{ group: 'gateway.networking.k8s.io', kind, name: 'eg' }],
        controlPlaneFallback: spec,
      },
    });
  const withGatewayPolicies = (...policies: readonly string[]) => {
    const { PostTranslateExtensionContext, ExtensionResource } = fields;
    const context = policies.map((json) =>
      encodeField(
        PostTranslateExtensionContext.extension_resources,
        encodeField(ExtensionResource.unstructured_bytes, encodeString(json)),
      ),
    );
    const field = fields.PostTranslateModifyRequest.post_translate_context;
    return Buffer.concat([encodeRequest(vmSnapshot), encodeField(field, Buffer.concat(context))]);
  };
  const withStamp = (request: Uint8Array, given: object | (() => object)): Uint8Array => {
    const stamp = () => {
      const spec = typeof given === 'function' ? given() : given;
      return { problems: [], fallback: { spec, policies: ['default/near'], overruled: [] } };
    };
    const { PostTranslateModifyRequest, RouteConfiguration, VirtualHost } = fields;
    return mapFields(request, PostTranslateModifyRequest.routes, (routes) =>
      mapFields(routes, RouteConfiguration.virtual_hosts, (host) =>
        mapFields(host, VirtualHost.routes, (route) => stampRoute(route, stamp())),
      ),
    );
  };
  const effects = (request: Uint8Array, settings = noRoute) =>
    addFallback(readSnapshot(request), settings).report.changes.map(({ effect }) => effect);
  const everything = [
    'fallback-added',
    'fallback-filters-added',
    'vm-cluster-prepared',
    'control-plane-added',
  ];

  it('of a Gateway opts its routes in, and one of a route decides first', () => {
    const request = withGatewayPolicies(policy('far', 'Gateway', { mode: 'Enabled' }));
    expect(effects(request)).toEqual(everything);
    expect(effects(withStamp(request, { mode: 'Disabled' }))).toEqual([]);
  });

  it('takes a route out that the configuration names', () => {
    expect(effects(encodeRequest(vmSnapshot), vmOptedIn)).toEqual(everything);
    expect(effects(withStamp(encodeRequest(vmSnapshot), { mode: 'Disabled' }), vmOptedIn)).toEqual(
      [],
    );
  });

  it('gives one setting and takes the others from further away', () => {
    const far = policy('far', 'Gateway', {
      rememberFor: '90s',
      controlPlane: { host: '192.0.2.1', port: 1 },
    });
    const request = withStamp(withGatewayPolicies(far), {
      mode: 'Enabled',
      pathTemplate: '/vms/{id}',
    });
    const { report } = addFallback(readSnapshot(request), settingsOf({}));
    expect(report.changes.map(({ detail }) => detail)).toEqual([
      expect.stringMatching(/by default\/near: a GET of \/vms\/\{id\}\/.* remembered for 90s$/),
      expect.any(String),
      expect.any(String),
      'the control plane at 192.0.2.1:1',
    ]);
  });

  it('of a rule with a path template of its own keeps its sessions apart from those of another rule', () => {
    const memories = ['/browsers/{id}', '/machines/{id}'].map((pathTemplate) =>
      memoryOf(withStamp(encodeRequest(vmSnapshot), { mode: 'Enabled', pathTemplate })),
    );
    expect(memories).toEqual(['default/vm/browsers/', 'default/vm/machines/']);
  });

  /** Whose sessions the added routes remember: the one that writes and the one that reads, alike. */
  function memoryOf(request: Uint8Array): string {
    const settings = settingsOf({ controlPlane: address });
    const text = JSON.stringify(
      decodeSnapshot(addFallback(readSnapshot(request), settings).snapshot),
    );
    const [, written] = /"scope":"([^"]*)"/.exec(text) ?? [];
    const [, read] = /local before, scope, folder = \\"[^"]*", \\"([^"]*)\\"/.exec(text) ?? [];
    expect(read).toBe(written);
    return written ?? '';
  }

  it('of each route may name another control plane, for one cluster of VMs in one virtual host', () => {
    const other = { ...vmRoute, match: { prefix: '/browsers' } };
    const [configuration] = vmSnapshot.routes;
    const [host] = configuration?.virtual_hosts ?? [];
    const twice = { ...configuration, virtual_hosts: [{ ...host, routes: [other, vmRoute] }] };
    let port = 0;
    const request = withStamp(encodeRequest({ ...vmSnapshot, routes: [twice] }), () => ({
      mode: 'Enabled',
      controlPlane: { host: '192.0.2.1', port: ++port },
    }));
    const { snapshot } = addFallback(readSnapshot(request), noRoute);
    const text = JSON.stringify(decodeSnapshot(snapshot));
    const names = [...text.matchAll(/"name":"([^"]*\/offramp-[a-z]+)"/g)].map(([, name]) => name);
    expect([names.length, new Set(names).size]).toEqual([8, 8]);
    const ports = [...text.matchAll(/"port_value":(\d+)/g)].map(([, one]) => one);
    expect(ports).toEqual(['1', '2']);
    expect(text.split('"name":"offramp.confirm"')).toHaveLength(2);
    expect(text.split('"name":"offramp.fallback"')).toHaveLength(2);
  });

  it('that only changes an option is not said to have opted the route in', () => {
    const far = policy('far', 'Gateway', { rememberFor: '90s' });
    const { report } = addFallback(readSnapshot(withGatewayPolicies(far)), vmOptedIn);
    expect(report.changes[0]?.detail).toMatch(/^opted in by the configuration: .* for 90s$/);
  });

  it('that opts in without a control plane changes nothing, and says so', () => {
    const request = withStamp(encodeRequest(vmSnapshot), { mode: 'Enabled' });
    const { report } = addFallback(readSnapshot(request), settingsOf({}));
    expect(report.changes).toEqual([]);
    expect(report.skips.map(({ reason }) => reason)).toEqual(['control-plane-missing']);
  });

  it('that loses against one as near as itself is told', () => {
    const one = policy('one', 'Gateway', { mode: 'Enabled' });
    const two = policy('two', 'Gateway', { mode: 'Disabled' });
    const { report } = addFallback(readSnapshot(withGatewayPolicies(two, one)), noRoute);
    expect(report.skips).toMatchObject([
      { reason: 'policy-overruled', place: { kind: 'policies', resource: 'default/two' } },
    ]);
    expect(report.changes).toHaveLength(4);
  });
});
