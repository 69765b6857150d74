/** `vnet host` past a bad wire: the bytes of a file are right. */
import { afterEach, expect, test } from 'vitest'
import { OwnNetns } from '#support/netns.ts'
import { either } from '#support/scale.ts'
import { randomFile, runningHost } from '../support/host-command.ts'

const own = new OwnNetns()
afterEach(() => own.remove())

test('curl fetches a large file past loss and delay with the right SHA-256', async () => {
  const { directory, name, sha256 } = randomFile(either(1024, 100))
  const { sh } = await runningHost(
    own,
    '--serve',
    directory,
    '--wire',
    'loss 1% delay 5ms',
    '--mtu',
    '9000',
  )
  const hashed = await sh(`curl -sS http://198.18.1.2/${name} | sha256sum`)
  expect(hashed).toBe(`${sha256}  -\n`)
}, 600_000)
