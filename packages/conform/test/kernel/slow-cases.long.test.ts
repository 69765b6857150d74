/** The cases of conformance that wait for minutes, on this machine's kernel. */
import { expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { outcome } from '#support/netns.ts'
import { PROGRAM } from '#support/vnet-process.ts'
import { ServedHost } from '../support/served-host.ts'

test('Linux passes the cases that wait for minutes', { timeout: 300_000 }, async () => {
  const host = await ServedHost.start()
  try {
    const addresses = ['--address', '192.0.2.2', '--address', '2001:db8::2']
    const options = ['--only', '*fragments-timeout', '--slow', '--captures', testDirectory()]
    const { stdout } = await outcome(
      host.near.spawn([process.execPath, PROGRAM, 'conform', 'veth0', ...addresses, ...options]),
    )
    expect(stdout).toBe('2 of 2 pass, 0 failed (must), 0 skipped\n')
  } finally {
    host.remove()
  }
})
