/** All cases on Linux, with the programs in packages/conform/examples in Go and Rust. */
import { expect, test } from 'vitest'
import { runAll } from '../support/controlled.ts'

const PROGRAMS = [
  ['go', ['go', 'build'], ['keepalive', 'listen', 'nodelay', 'state', 'unlisten']],
  [
    'rs',
    ['rustc', '-D', 'warnings', '--edition', '2021'],
    ['close', 'keepalive', 'listen', 'reset', 'state'],
  ],
] as const

for (const [language, compile, lacking] of PROGRAMS) {
  test(`Linux passes all that must pass with control.${language}`, {
    timeout: 300_000,
  }, async () => {
    const { failed, unknown, passed } = await runAll(language, compile, '192.0.2.2:7000')
    expect(failed).toEqual([])
    expect(unknown).toEqual(lacking)
    expect(passed).toBeGreaterThan(380)
  })
}
