import {
  ResponderBuilder,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  ServerListenerBuilder,
  status,
} from '@grpc/grpc-js';
import type { CallRefusal, ServerMetrics } from '../observe/server-metrics.ts';
import { LeftBuffers } from '../process/left-buffers.ts';
import type { Refusals } from './refusals.ts';

/** How many calls at a time. */
export interface CallGateLimits {
  readonly concurrentCalls: number;
  readonly queuedCalls: number;
}

/** A call that is in the gate, or waits in front of it. */
interface Call {
  readonly path: string;
  /** Who calls. */
  readonly peer: string;
  readonly begin: () => void;
  readonly refuse: (code: status, text: string) => void;
  /** Its request is there: it is being answered. */
  isBegun: boolean;
  isAnswered: boolean;
  /** Nobody waits for the answer any more. */
  isGone: boolean;
}

/**
 * Lets so many calls in at a time and has others wait, in the order they came, without a byte of
 * them being read: HTTP/2 holds them back. So memory has a limit, however many calls come, and however
 * many of them are given up.
 */
export class CallGate {
  readonly #limits: CallGateLimits;
  readonly #metrics: ServerMetrics;
  readonly #refusals: Refusals;
  readonly #running = new Set<Call>();
  readonly #waiting = new Set<Call>();
  readonly #left = new LeftBuffers(() => this.#running.size === 0);
  #isStopping = false;

  constructor(limits: CallGateLimits, metrics: ServerMetrics, refusals: Refusals) {
    this.#limits = limits;
    this.#metrics = metrics;
    this.#refusals = refusals;
  }

  /** Puts the gate in front of calls that `concerns` says yes to, by path. */
  interceptor(concerns: (path: string) => boolean): ServerInterceptor {
    return ({ path }, next) =>
      concerns(path) ? this.#guard(path, next) : new ServerInterceptingCall(next);
  }

  /** Refuses calls that wait, and those that come. */
  stop(): void {
    this.#isStopping = true;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const call of waiting) this.#refuse(call, 'stopping');
    this.#metrics.callsWaiting.set(0);
  }

  /** Refuses calls that are let in but not answered: they have had their time. */
  refuseUnanswered(): void {
    for (const call of this.#running)
      if (!call.isAnswered && !call.isGone) this.#refuse(call, 'stopping');
  }

  #guard(path: string, next: ServerInterceptingCallInterface): ServerInterceptingCall {
    let call: Call | undefined;
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, pass) => {
        call = {
          path,
          peer: next.getPeer(),
          begin: () => pass(metadata),
          refuse: (code, details) => next.sendStatus({ code, details }),
          isBegun: false,
          isAnswered: false,
          isGone: false,
        };
        this.#enter(call);
      })
      .withOnReceiveHalfClose((pass) => {
        if (call === undefined) return;
        call.isBegun = true;
        pass();
      })
      // Comes once for each call, when it was answered, given up or cut off.
      .withOnCancel(() => {
        if (call === undefined) return;
        call.isGone = true;
        // One that is being answered holds its memory until it was, whoever waits for it.
        if (!call.isBegun || call.isAnswered) this.#leave(call);
      })
      .build();
    const answered = () => {
      if (call === undefined) return;
      call.isAnswered = true;
      if (call.isGone) this.#leave(call);
    };
    const responder = new ResponderBuilder()
      .withStart((start) => start(listener))
      .withSendMessage((message, pass) => {
        answered();
        pass(message);
      })
      .withSendStatus((result, pass) => {
        answered();
        pass(result);
      })
      .build();
    return new ServerInterceptingCall(next, responder);
  }

  #enter(call: Call): void {
    const { concurrentCalls, queuedCalls } = this.#limits;
    if (this.#isStopping) {
      this.#refuse(call, 'stopping');
    } else if (this.#running.size < concurrentCalls) {
      this.#running.add(call);
      call.begin();
    } else if (this.#waiting.size < queuedCalls) {
      this.#waiting.add(call);
      this.#metrics.callsWaiting.set(this.#waiting.size);
    } else {
      this.#refuse(call, 'queue-full');
    }
  }

  #leave(call: Call): void {
    if (this.#waiting.delete(call)) this.#metrics.callsWaiting.set(this.#waiting.size);
    if (!this.#running.delete(call)) return;
    this.#left.callEnded();
    const [next] = this.#waiting;
    if (next === undefined) return;
    this.#waiting.delete(next);
    this.#metrics.callsWaiting.set(this.#waiting.size);
    this.#running.add(next);
    next.begin();
  }

  #refuse(call: Call, reason: CallRefusal): void {
    const { peer, path } = call;
    this.#refusals.call(reason, { peer, path });
    call.isAnswered = true;
    const { concurrentCalls, queuedCalls } = this.#limits;
    if (reason === 'stopping') {
      call.refuse(status.UNAVAILABLE, 'stopping: Offramp is about to end');
    } else {
      const text = `${concurrentCalls} calls run and ${queuedCalls} wait already`;
      call.refuse(status.RESOURCE_EXHAUSTED, `${reason}: ${text}`);
    }
  }
}
