/**
 * node scripts/generate-lan-schema.mjs: writes docs/lan.schema.json, for editors, from src/lan/schema.ts as it was built
 * last. `npm run format` then gives it its form.
 */

import { writeFileSync } from 'node:fs'
import { lanSchema } from '../dist/lan/schema.js'

writeFileSync(new URL('../docs/lan.schema.json', import.meta.url), `${JSON.stringify(lanSchema, undefined, 2)}\n`)
