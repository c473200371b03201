import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  mapConnectionManagers,
  routeConfigurationOf,
  upgradeTypesOf,
} from '../../src/xds/connection-manager.ts';
import { fields } from '../../src/xds/fields.ts';
import { asksFor, connectStateOf, scanManagers } from '../../src/xds/manager-scan.ts';
import { decodeString } from '../../src/xds/text.ts';
import { valuesOf } from '../../src/xds/wire.ts';
import { encodeXds } from '../support/xds.ts';
import { encodeVarint, lengthDelimited } from './arbitrary-message.ts';

const managerType =
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

const http = (route: object, ...upgrade_configs: object[]) => ({
  typed_config: { '@type': managerType, stat_prefix: 'x', ...route, upgrade_configs },
});
const rds = (route_config_name: string) => ({ rds: { route_config_name } });
const tcp = {
  typed_config: {
    '@type': 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
    stat_prefix: 'tcp',
    cluster: 'x',
  },
};

function listener(filterChains: object[], rest: object = {}): Uint8Array {
  return encodeXds('envoy.config.listener.v3.Listener', { filter_chains: filterChains, ...rest });
}

const plain = listener(
  [
    { filters: [tcp, http(rds('one'))] },
    { filters: [tcp] },
    {},
    { filters: [http(rds('two'), { upgrade_type: 'websocket' }, { upgrade_type: 'cOnnect' })] },
    {
      filters: [
        http(rds('three'), { upgrade_type: 'CONNECT', enabled: { value: false } }),
        http({ route_config: { name: 'inline' } }),
      ],
    },
    { filters: [{ config_discovery: {} }, http(rds('four'), { upgrade_type: 'ＣONNECT' })] },
  ],
  { name: 'l', default_filter_chain: { filters: [http(rds('default'))] } },
);

/** The names and states of the managers, as they are read one by one. */
function readManagers(bytes: Uint8Array): readonly (readonly [string, string])[] {
  const found: [string, string][] = [];
  mapConnectionManagers(bytes, (manager) => {
    const configs = valuesOf(manager, fields.HttpConnectionManager.upgrade_configs);
    const types = upgradeTypesOf(manager).map((type) => type.toUpperCase());
    const config = configs[types.indexOf('CONNECT')];
    const connect = config === undefined ? 'unset' : connectStateOf(config);
    found.push([routeConfigurationOf(manager), connect]);
    return manager;
  });
  return found;
}

/** The same of a scan; undefined when it leaves the listener to be read. */
function scan(bytes: Uint8Array): readonly (readonly [string, string])[] | undefined {
  return scanManagers(bytes)?.map((manager) => {
    const name = decodeString(bytes.subarray(manager.nameFrom, manager.nameTo));
    expect(asksFor(manager, bytes, name)).toBe(true);
    return [name, manager.connect];
  });
}

describe('a scan for connection managers', () => {
  it('finds in one pass what reading finds, the default chain last', () => {
    const expected = [
      ['one', 'unset'],
      ['two', 'allowed'],
      ['three', 'forbidden'],
      ['', 'unset'],
      ['four', 'unset'],
      ['default', 'unset'],
    ];
    expect(scan(plain)).toEqual(expected);
    expect(readManagers(plain)).toEqual(expected);
  });

  it('tells where each filter chain is, so that it can be edited', () => {
    const chains = valuesOf(plain, fields.Listener.filter_chains);
    const found = new Set(scanManagers(plain)?.map(({ chain }) => chain));
    const places = chains.map(({ byteOffset }) => byteOffset - plain.byteOffset);
    expect([...found].slice(0, -1)).toEqual([0, 3, 4, 5].map((index) => places[index]));
  });

  it('leaves to reading what has its names or its order in an odd form', () => {
    expect(scan(listener([{ filters: [http(rds('münchen'))] }]))).toBeUndefined();
    const chain = encodeXds('envoy.config.listener.v3.FilterChain', { filters: [http(rds('a'))] });
    const defaultFirst = [25, 3].map((number) => lengthDelimited(number, chain));
    expect(scan(Buffer.concat(defaultFirst))).toBeUndefined();
  });

  it('says nothing else than reading, whatever damage is done', () => {
    const damage = fc.array(fc.tuple(fc.nat(plain.length - 1), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(damage, (changes) => {
        const bytes = Uint8Array.from(plain);
        for (const [at, value] of changes) bytes[at] = value;
        const scanned = scan(bytes);
        if (scanned !== undefined) expect(scanned).toEqual(readManagers(bytes));
      }),
      { numRuns: 3_000 },
    );
  });

  it('says nothing else than reading of messages whose fields come twice or in another form', () => {
    const field = (number: number) => fc.constantFrom(...partsOf(number));
    fc.assert(
      fc.property(
        fc.array(field(1), { maxLength: 4 }),
        fc.array(field(2), { maxLength: 3 }),
        (manager, config) => {
          const any = Buffer.concat([
            typeUrl,
            lengthDelimited(2, Buffer.concat(manager)),
            ...config,
          ]);
          const filter = lengthDelimited(4, any);
          const bytes = lengthDelimited(3, lengthDelimited(3, filter));
          const scanned = scan(bytes);
          if (scanned !== undefined) expect(scanned).toEqual(readManagers(bytes));
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

const typeUrl = lengthDelimited(1, Buffer.from(`type.googleapis.com/${managerType}`));
const varintField = (number: number) =>
  Buffer.concat([encodeVarint(BigInt(number * 8)), encodeVarint(1n)]);
const upgrade = (type: string, ...more: Uint8Array[]) =>
  lengthDelimited(23, Buffer.concat([lengthDelimited(1, Buffer.from(type)), ...more]));

/** What a manager (1) or the Any around it (2) may be made of. */
function partsOf(level: number): Uint8Array[] {
  if (level === 2) {
    const other = lengthDelimited(1, Buffer.from('type.googleapis.com/other'));
    return [typeUrl, other, lengthDelimited(2, new Uint8Array()), varintField(2), varintField(1)];
  }
  const named = lengthDelimited(2, Buffer.from('a'));
  const no = lengthDelimited(1, Uint8Array.of());
  return [
    lengthDelimited(3, named),
    lengthDelimited(3, Buffer.concat([named, lengthDelimited(2, Buffer.from('b'))])),
    lengthDelimited(3, varintField(2)),
    lengthDelimited(4, new Uint8Array()),
    varintField(31),
    upgrade('CONNECT'),
    upgrade('connect', lengthDelimited(3, varintField(1))),
    upgrade(
      'CONNECT',
      lengthDelimited(3, Uint8Array.of(8, 0)),
      lengthDelimited(3, Uint8Array.of()),
    ),
    upgrade('CONNECT', varintField(3)),
    upgrade('CONNECT', lengthDelimited(3, no)),
    upgrade('websocket', varintField(3)),
    varintField(23),
  ];
}
