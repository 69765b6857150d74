/** `vnet host`: a host in memory on a TAP, which programs of the kernel reach. */
import { expect, test } from 'vitest'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { outcome } from '#support/netns.ts'
import { startMain } from '#support/run-main.ts'

const { netns } = freshNamespaces('netns')

test('vnet host replies to ping and serves echo over a wire, and leaves no interface', async () => {
  const host = startMain(
    'host',
    'vnet3',
    ...['--netns', netns.name, '--address', '198.18.7.9/24', '--wire', 'delay 1ms'],
  )
  await host.until(stdout => stdout === 'ready: vnet3 198.18.7.9, TCP ports 7 9 19\n')
  const script = `
    ping -q -c 3 -i 0.01 -w 30 198.18.7.9
    exec 3<>/dev/tcp/198.18.7.9/7
    printf hello >&3
    head -c 5 <&3`
  const { status, stdout } = await outcome(netns.spawn(['bash', '-ec', script]))
  // ping ends well with three replies, and sends more requests if they are late.
  expect({ status, stdout }).toEqual({
    status: 0,
    stdout: expect.stringMatching(/ received, .*hello$/s),
  })
  expect(await host.end()).toMatchObject({ status: 0, stderr: '' })
  expect(netns.ip('-o link')).not.toContain('vnet3')
})
