/**
 * node scripts/generate-schemas.mjs: writes packages/lan/docs/lan.schema.json and
 * packages/lab/docs/lab.schema.json, for editors, from the last build of
 * packages/lan/src/config/schema.ts and packages/lab/src/file/schema.ts. `npm run format` then
 * formats them.
 */

import { writeFileSync } from 'node:fs'
import { labSchema } from '../packages/lab/dist/file/schema.js'
import { lanSchema } from '../packages/lan/dist/config/schema.js'

for (const [name, schema] of Object.entries({ lan: lanSchema, lab: labSchema })) {
  writeFileSync(
    new URL(`../packages/${name}/docs/${name}.schema.json`, import.meta.url),
    `${JSON.stringify(schema, undefined, 2)}\n`,
  )
}
