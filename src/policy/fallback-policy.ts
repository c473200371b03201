import * as z from 'zod';
import { fallbackOptions } from '../config/control-plane-fallback.ts';
import { policyControlPlane } from './policy-control-plane.ts';

/** Whether a route's gone sessions fall back to the control plane. */
export const fallbackModes = ['Enabled', 'Disabled'] as const;

/** Everything that a policy can say in `spec.controlPlaneFallback`; each is decided by itself. */
const settings = {
  mode: z.enum(fallbackModes),
  ...fallbackOptions,
  controlPlane: policyControlPlane,
};

/** `spec.controlPlaneFallback`, as the API server and `explain` judge it. */
export const fallbackSpecSchema = z.strictObject(settings).partial();

/** What a policy says about the fallback, or several decide together. */
export type FallbackSpec = z.output<typeof fallbackSpecSchema>;

/** The name of one setting. */
export type FallbackSetting = keyof FallbackSpec;

/** Every setting's name. */
export const fallbackSettings: readonly FallbackSetting[] = fallbackSpecSchema.keyof().options;

/** What is known of a `spec.controlPlaneFallback`: a setting counts even when another is unknown. */
export function readFallbackSpec(spec: unknown): FallbackSpec {
  const given = z.looseObject({}).safeParse(spec);
  if (!given.success) return {};
  const known = fallbackSettings.filter(
    (name) => given.data[name] !== undefined && settings[name].safeParse(given.data[name]).success,
  );
  return fallbackSpecSchema.parse(
    Object.fromEntries(known.map((name) => [name, given.data[name]])),
  );
}
