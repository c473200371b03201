import {
  type ChannelOptions,
  logVerbosity,
  type ServiceDefinition,
  setLogVerbosity,
} from '@grpc/grpc-js';
import { maxMessageBytes } from '../../src/server/message-limit.ts';

setLogVerbosity(logVerbosity.NONE);

/** Path of the RPC that is measured. */
export const hookPath = '/envoygateway.extension.EnvoyGatewayExtension/PostTranslateModify';

/** As Offramp's server has them. */
export const channelOptions: ChannelOptions = {
  'grpc.max_receive_message_length': maxMessageBytes,
  'grpc.max_send_message_length': maxMessageBytes,
};

/** Leaves a message the bytes it is. */
export const asIs = (bytes: Buffer): Buffer => bytes;

/** The hook's service, its messages as bytes; an answer that is something else says how it becomes bytes. */
export function rawService<Response>(
  responseSerialize: (response: Response) => Buffer,
): ServiceDefinition {
  const PostTranslateModify = {
    path: hookPath,
    requestStream: false,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize,
    responseDeserialize: asIs,
  };
  return { PostTranslateModify };
}
