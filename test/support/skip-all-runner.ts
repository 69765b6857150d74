/**
 * A test runner that collects tests and runs none of them, nor their hooks. Each is reported and
 * counted as skipped.
 */

import { TestRunner } from 'vitest'

// biome-ignore lint/style/noDefaultExport: vitest loads a runner by its default export.
export default class SkipAllRunner extends TestRunner {
  constructor(config: ConstructorParameters<typeof TestRunner>[0]) {
    super({ ...config, testNamePattern: /(?!)/ })
  }
}
