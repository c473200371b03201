import { describe, expect, it } from 'vitest';
import {
  readConnectorStatus,
  upstreamStatusAnnotation,
} from '../../../src/state/kubernetes/connector-status.ts';

const details = { type: 'PublicKey', publicKey: { id: 'node-1' } };

function ready(status: string) {
  const conditions = [
    { type: 'Accepted', status: 'True' },
    { type: 'Ready', status },
  ];
  return { conditions, connectionDetails: details };
}

function connector(status: unknown, annotation?: string) {
  const annotations =
    annotation === undefined ? {} : { annotations: { [upstreamStatusAnnotation]: annotation } };
  return { metadata: { name: 'berlin', ...annotations }, status };
}

describe('a Connector', () => {
  it('is online when its condition Ready is True', () => {
    expect(readConnectorStatus(connector(ready('True')))).toEqual({
      online: true,
      nodeId: 'node-1',
      problems: [],
    });
  });

  it.each([
    ['False', ready('False')],
    ['Unknown', ready('Unknown')],
    ['true, which Kubernetes does not write', ready('true')],
    ['absent', { conditions: [], connectionDetails: details }],
    ['absent with all conditions', { connectionDetails: details }],
    ['absent with the status', undefined],
    ['absent with a status that is null', null],
  ])('is offline when Ready is %s', (_what, status) => {
    expect(readConnectorStatus(connector(status))).toEqual({ online: false, problems: [] });
  });

  it('is offline as long as it has no status at all', () => {
    const object = { metadata: { name: 'berlin' } };
    expect(readConnectorStatus(object)).toEqual({ online: false, problems: [] });
  });

  it.each([
    ['no connection details', undefined],
    ['connection details of another type', { ...details, type: 'Other' }],
    ['no public key', { type: 'PublicKey' }],
    ['an empty node id', { type: 'PublicKey', publicKey: { id: '' } }],
  ])('that is Ready with %s is offline, and says why', (_what, connectionDetails) => {
    const status = { ...ready('True'), connectionDetails };
    expect(readConnectorStatus(connector(status))).toEqual({
      online: false,
      problems: ['it is Ready but has no connectionDetails.publicKey.id: no tunnel can be opened'],
    });
  });

  it.each([
    ['online', 'False', 'True', true],
    ['offline', 'True', 'False', false],
  ])('is %s when its upstream says so, whatever its own status', (_what, own, upstream, online) => {
    const status = readConnectorStatus(connector(ready(own), JSON.stringify(ready(upstream))));
    expect(status).toMatchObject({ online, problems: [] });
  });

  it('takes the node id of its upstream too', () => {
    const upstream = {
      ...ready('True'),
      connectionDetails: { ...details, publicKey: { id: 'up' } },
    };
    const status = readConnectorStatus(connector(ready('True'), JSON.stringify(upstream)));
    expect(status).toMatchObject({ online: true, nodeId: 'up' });
  });

  it('is offline when its upstream has no condition', () => {
    expect(readConnectorStatus(connector(ready('True'), '{}'))).toMatchObject({ online: false });
  });

  it.each(['', '{', 'null', '[]', '1', '{"conditions": 1}'])(
    'uses its own status when the upstream one is %j, and says so',
    (annotation) => {
      const status = readConnectorStatus(connector(ready('True'), annotation));
      expect(status).toMatchObject({ online: true, nodeId: 'node-1' });
      expect(status.problems).toEqual([
        'its annotation networking.datumapis.com/upstream-status is no JSON of a status; its own is used',
      ]);
    },
  );

  it.each([[null], [{ metadata: 1 }], [connector({ conditions: 'x' })]])(
    'of an unknown form (%j) is offline, and says so',
    (object) => {
      const status = readConnectorStatus(object);
      expect(status.online).toBe(false);
      expect(status.problems[0]).toContain('does not have the known form');
    },
  );
});
