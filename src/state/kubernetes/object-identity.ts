import * as z from 'zod';

const objectSchema = z.object({
  metadata: z.object({
    /** '' in a bookmark, which is no object. */
    name: z.string().default(''),
    namespace: z.string().default(''),
    resourceVersion: z.string().optional(),
  }),
});

/** Who an object is; `namespace` is '' when it is in none. Throws for what is no object. */
export function readIdentity(object: unknown): z.output<typeof objectSchema>['metadata'] {
  return objectSchema.parse(object).metadata;
}
