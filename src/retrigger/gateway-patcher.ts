import type { Logger } from 'pino';
import type { Check } from '../observe/check.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { ApiServer } from '../state/kubernetes/api-server.ts';
import { type ApiServerError, asApiServerError } from '../state/kubernetes/api-transport.ts';
import { splitKey } from '../state/kubernetes/kubernetes-view.ts';
import { gateways, resourceName, resourcePath } from '../state/kubernetes/resources.ts';
import { generationAnnotation } from './gateway-objects.ts';

/** Milliseconds until a failed patch is tried again: at first, at most, and when RBAC refused it. */
const pauses = { first: 500, longest: 10_000, refused: 30_000 };

/** What the patcher needs. */
export interface GatewayPatcherOptions {
  readonly api: ApiServer;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** How a patch ended; a failed one is to be tried again after so many milliseconds. */
export type PatchOutcome =
  | { readonly kind: 'written' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'failed'; readonly retryIn: number };

/** Writes the annotation of Gateways. Says once what keeps it from that. */
export class GatewayPatcher {
  readonly #options: GatewayPatcherOptions;
  /** Failures in a row, of Gateways whose last patch failed. */
  readonly #failures = new Map<string, number>();
  /** Namespaces in which a patch was refused: why, and until when none is tried. */
  readonly #refused = new Map<string, { readonly reason: string; readonly until: number }>();

  #isStopped = false;

  constructor(options: GatewayPatcherOptions) {
    this.#options = options;
  }

  /** Writes the annotation, or removes it when it is undefined. Never rejects. */
  async patch(gateway: string, annotation: string | undefined): Promise<PatchOutcome> {
    const { api, metrics, log } = this.#options;
    const { namespace, name } = splitKey(gateway);
    const refusedFor = (this.#refused.get(namespace)?.until ?? 0) - performance.now();
    if (refusedFor > 0) return { kind: 'failed', retryIn: refusedFor };
    const annotations = { [generationAnnotation]: annotation ?? null };
    try {
      await api.patch(resourcePath(gateways, namespace, name), { metadata: { annotations } });
      metrics.retriggers.inc({ outcome: 'ok' });
      log.info({ gateway, annotation: annotation ?? 'removed' }, 'retriggered');
      this.#failures.delete(gateway);
      this.#refused.delete(namespace);
      return { kind: 'written' };
    } catch (error) {
      const failure = asApiServerError(error);
      if (failure.status === 404 || this.#isStopped) return this.#gone(gateway);
      metrics.retriggers.inc({ outcome: 'failed' });
      const isRefusal = failure.status === 401 || failure.status === 403;
      return isRefusal ? this.#refuse(namespace, failure) : this.#fail(gateway, failure);
    }
  }

  /** The Gateway was deleted, or needs no other annotation any more. */
  forget(gateway: string): void {
    this.#failures.delete(gateway);
  }

  /**
   * Where a patch was refused and none is due any more, asks by one that changes nothing, so that a
   * permission given meanwhile is noticed. Never rejects; undefined where nothing was refused.
   */
  async askAgain(gateway: string): Promise<PatchOutcome | undefined> {
    const { namespace, name } = splitKey(gateway);
    const refused = this.#refused.get(namespace);
    if (refused === undefined) return undefined;
    const refusedFor = refused.until - performance.now();
    if (refusedFor > 0) return { kind: 'failed', retryIn: refusedFor };
    try {
      await this.#options.api.patch(resourcePath(gateways, namespace, name), { metadata: {} });
    } catch (error) {
      const failure = asApiServerError(error);
      if (this.#isStopped) return undefined;
      if (failure.status !== 404) return { kind: 'failed', retryIn: pauses.refused };
    }
    this.#refused.delete(namespace);
    return undefined;
  }

  /** From now on a patch that fails is nobody's concern. */
  stop(): void {
    this.#isStopped = true;
  }

  checks(): Check[] {
    const refusals = [...this.#refused].map(
      ([namespace, { reason }]) => `not allowed to ${permission(namespace)}: ${reason}`,
    );
    const failing = this.#failures.size;
    const failures =
      failing === 0 ? [] : [`${failing} Gateways could not be annotated; trying again`];
    return [...refusals, ...failures].map((detail) => ({ name: 'retrigger', ok: false, detail }));
  }

  #gone(gateway: string): PatchOutcome {
    this.#options.log.debug({ gateway }, 'the Gateway is gone; nothing to retrigger');
    this.#failures.delete(gateway);
    return { kind: 'gone' };
  }

  #refuse(namespace: string, { message: reason }: ApiServerError): PatchOutcome {
    if (!this.#refused.has(namespace)) {
      this.#options.log.error(
        { namespace, permission: permission(namespace), reason },
        'not allowed: Gateways are not retriggered; a change of state arrives with the next translation',
      );
    }
    this.#refused.set(namespace, { reason, until: performance.now() + pauses.refused });
    return { kind: 'failed', retryIn: pauses.refused };
  }

  #fail(gateway: string, { message: reason }: ApiServerError): PatchOutcome {
    if (this.#failures.size === 0) {
      this.#options.log.warn(
        { gateway, reason },
        'a Gateway could not be retriggered; trying again',
      );
    }
    const failures = (this.#failures.get(gateway) ?? 0) + 1;
    this.#failures.set(gateway, failures);
    const pause = Math.min(pauses.first * 2 ** (failures - 1), pauses.longest);
    return { kind: 'failed', retryIn: pause * (0.5 + Math.random() / 2) };
  }
}

function permission(namespace: string): string {
  return `patch ${resourceName(gateways)} in namespace ${namespace}`;
}
