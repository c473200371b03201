import { describe, expect, it } from 'vitest';
import {
  mapConnectionManagers,
  routeConfigurationOf,
  upgradeTypesOf,
} from '../../src/xds/connection-manager.ts';
import { MalformedMessageError } from '../../src/xds/malformed.ts';
import { decodeXds, encodeXds } from '../support/xds.ts';
import { lengthDelimited } from './arbitrary-message.ts';

const managerType =
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const listenerType = 'envoy.config.listener.v3.Listener';

const plainManager = (route: string) => ({
  stat_prefix: 'http',
  rds: { route_config_name: route },
});
const manager = (value: object) => encodeXds(managerType, value);
const http = (route: string, name = 'any name') => ({
  name,
  typed_config: { '@type': managerType, ...plainManager(route) },
});
const tcp = {
  name: 'envoy.filters.network.http_connection_manager',
  typed_config: {
    '@type': 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
    stat_prefix: 'tcp',
    cluster: 'x',
  },
};
const listener = encodeXds(listenerType, {
  name: 'l',
  filter_chains: [{ filters: [tcp, http('one')] }, { filters: [tcp] }, { filters: [http('two')] }],
  default_filter_chain: { name: 'default', filters: [http('default')] },
});

function withCut(field: number, ...values: Uint8Array[]): Uint8Array {
  return Buffer.concat(values.map((value) => lengthDelimited(field, value)));
}

describe('mapConnectionManagers', () => {
  it('sees every manager, in chains and in the default chain, by the type of its configuration', () => {
    const seen: string[] = [];
    const mapped = mapConnectionManagers(listener, (value) => {
      seen.push(routeConfigurationOf(value));
      return value;
    });
    expect(seen).toEqual(['one', 'two', 'default']);
    expect(mapped).toBe(listener);
  });

  it('changes the manager it is asked to and nothing else', () => {
    const mapped = mapConnectionManagers(listener, (value) =>
      routeConfigurationOf(value) === 'two'
        ? Buffer.concat([value, manager({ upgrade_configs: [{ upgrade_type: 'CONNECT' }] })])
        : value,
    );
    const changed = http('two');
    const expected = {
      name: 'l',
      filter_chains: [
        { filters: [tcp, http('one')] },
        { filters: [tcp] },
        {
          filters: [
            {
              ...changed,
              typed_config: {
                ...changed.typed_config,
                upgrade_configs: [{ upgrade_type: 'CONNECT' }],
              },
            },
          ],
        },
      ],
      default_filter_chain: { name: 'default', filters: [http('default')] },
    };
    expect(decodeXds(listenerType, mapped)).toEqual(expected);
  });

  it('finds none in listeners without HTTP', () => {
    const udp = encodeXds(listenerType, { name: 'l', filter_chains: [{ filters: [tcp] }, {}] });
    const fail = () => {
      throw new Error('there is no connection manager');
    };
    expect(mapConnectionManagers(udp, fail)).toBe(udp);
    expect(mapConnectionManagers(new Uint8Array(), fail)).toHaveLength(0);
  });

  const any = (...values: Uint8Array[]) =>
    Buffer.concat([
      lengthDelimited(1, Buffer.from(`type.googleapis.com/${managerType}`)),
      withCut(2, ...values),
    ]);
  const inChain = (...configs: Uint8Array[]) =>
    lengthDelimited(3, withCut(3, withCut(4, ...configs)));
  const plain = manager(plainManager('one'));
  const discovery = lengthDelimited(5, new Uint8Array());

  it.each([
    ['two configurations in a filter', inChain(any(plain), any(plain))],
    [
      'a configuration and its discovery',
      lengthDelimited(3, withCut(3, Buffer.concat([withCut(4, any(plain)), discovery]))),
    ],
    ['a value twice in an Any', inChain(any(plain, plain))],
    ['two default chains', withCut(25, new Uint8Array(), new Uint8Array())],
    [
      'routes from two places',
      inChain(any(Buffer.concat([plain, manager({ route_config: { name: 'inline' } })]))),
    ],
    ['routes by RDS twice', inChain(any(Buffer.concat([plain, plain])))],
  ])('refuses to choose where decoders would merge: %s', (_name, bytes) => {
    const rewrite = () => mapConnectionManagers(bytes, (value) => value);
    expect(rewrite).toThrow(MalformedMessageError);
    expect(rewrite).toThrow('more than once');
  });

  it('names the place of a malformed manager', () => {
    const bytes = inChain(any(Uint8Array.of(0x0e)));
    expect(() => mapConnectionManagers(bytes, (value) => value)).toThrow(
      `filter_chains[0].filters[0].typed_config[0].value[0] at byte ${bytes.length - 1}`,
    );
  });
});

describe('a connection manager', () => {
  it('names its route configuration, or "" when its routes are inline', () => {
    expect(routeConfigurationOf(manager(plainManager('default/eg/http')))).toBe('default/eg/http');
    expect(routeConfigurationOf(manager({ route_config: { name: 'inline' } }))).toBe('');
  });

  it('tells its upgrade types as written', () => {
    const upgrades = [{ upgrade_type: 'websocket' }, { upgrade_type: 'CONNECT' }];
    expect(upgradeTypesOf(manager({ upgrade_configs: upgrades }))).toEqual([
      'websocket',
      'CONNECT',
    ]);
    expect(upgradeTypesOf(new Uint8Array())).toEqual([]);
  });
});
