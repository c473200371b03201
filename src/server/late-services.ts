import type { Server, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';

/** A method whose library is loaded by its first call. */
export interface LateMethod {
  readonly path: string;
  readonly type: 'unary' | 'serverStream' | 'bidi';
}

/** Takes services as a gRPC server does. */
export type TakesServices = Pick<Server, 'addService'>;

interface Loaded {
  readonly definition: ServiceDefinition[string];
  readonly handler: UntypedServiceImplementation[string];
}

/**
 * Serves methods of libraries that are too slow to load before the server is ready. `load` is called
 * once, by the first message to any of them; that call waits for it.
 */
export function addLateServices(
  server: Server,
  methods: readonly LateMethod[],
  load: (into: TakesServices) => void,
): void {
  let loaded: Map<string, Loaded> | undefined;
  for (const { path, type } of methods) {
    const method = (): Loaded => {
      loaded ??= loadMethods(load);
      const found = loaded.get(path);
      if (found === undefined) throw new Error(`its library has no ${path}`);
      return found;
    };
    server.register(
      path,
      // Typed as one of four kinds of handlers, of which `type` says which.
      (...args: unknown[]) => Reflect.apply(method().handler, undefined, args),
      (message: object) => method().definition.responseSerialize(message),
      (bytes: Buffer) => method().definition.requestDeserialize(bytes),
      type,
    );
  }
}

function loadMethods(load: (into: TakesServices) => void): Map<string, Loaded> {
  const loaded = new Map<string, Loaded>();
  load({
    addService(service, implementation) {
      for (const [name, definition] of Object.entries(service)) {
        const handler = implementation[name] ?? implementation[definition.originalName ?? name];
        if (handler !== undefined) loaded.set(definition.path, { definition, handler });
      }
    },
  });
  return loaded;
}
