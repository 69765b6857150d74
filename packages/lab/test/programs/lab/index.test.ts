import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'

test("'@vnet/lab' loads nothing native and starts no thread before createLab is called", () => {
  const script = `
    import { readFileSync } from 'node:fs'
    await import('${resolve('packages/lab/dist/index.js')}')
    const maps = readFileSync('/proc/self/maps', 'utf8')
    console.log(/vnet\\.node|ffi-rs/.test(maps), process.getActiveResourcesInfo().includes('MessagePort'))`
  expect(
    execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }),
  ).toBe('false false\n')
})
