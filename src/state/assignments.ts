/** What Envoy Gateway is about to publish of endpoints, as far as it said so for one snapshot. */
export interface AssignmentLookup {
  /**
   * Whether an endpoint of the cluster (by the name under which it asks for them) takes requests;
   * undefined when that was not said.
   */
  isUsable(cluster: string): boolean | undefined;
}

/** Nothing was said: a recording, or an Envoy Gateway that does not call the hook `Endpoints`. */
export const noAssignments: AssignmentLookup = { isUsable: () => undefined };
