import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ServedConfigurations } from '../../src/rewrites/offline-connectors/connection-managers.ts';
import { mapConnectionManagers, routeConfigurationOf } from '../../src/xds/connection-manager.ts';
import { concatenate } from '../../src/xds/encoding.ts';
import { managerTypeName } from '../../src/xds/manager-scan.ts';
import { hashText } from '../../src/xds/name-hash.ts';
import { encodeXds } from '../support/xds.ts';

const added = Uint8Array.of(0x20, 1);
const names = new Set(['wanted', 'wanted too']);
const hashes = new Set([...names].map(hashText));

const filter = fc.constantFrom('wanted', 'wanted too', 'other', 'ä').map((route_config_name) => ({
  name: 'hcm',
  typed_config: { '@type': managerTypeName.slice(1), rds: { route_config_name } },
}));
const chain = fc.array(filter, { maxLength: 3 }).map((filters) => ({ filters }));
const listener = fc
  .tuple(fc.array(chain, { maxLength: 3 }), fc.option(chain, { nil: undefined }))
  .map(([filter_chains, default_filter_chain]) =>
    encodeXds('envoy.config.listener.v3.Listener', {
      filter_chains,
      ...(default_filter_chain && { default_filter_chain }),
    }),
  );

it('extends each silent connection manager that is wanted, also several of one chain', () => {
  fc.assert(
    fc.property(listener, (message) => {
      const expected: string[] = [];
      const rewritten = mapConnectionManagers(message, (manager) => {
        const name = routeConfigurationOf(manager);
        if (!names.has(name)) return manager;
        expected.push(name);
        return concatenate([manager, added]);
      });
      const served = new ServedConfigurations();
      served.look(message, 0);
      const noted: string[] = [];
      const note = (name: string) => noted.push(name);
      const extended = served.extendSilent(message, 0, { names, hashes, added, note });
      expect(Buffer.compare(extended, rewritten)).toBe(0);
      expect(noted).toEqual(expected);
    }),
  );
});
