/** One thing that readiness depends on, or that is worth knowing beside it. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}
