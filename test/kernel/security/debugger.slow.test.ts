/** Node's debugger, which runs any code in the process for everyone who reaches its port. */
import { kill } from 'node:process'
import { beforeEach, expect, test } from 'vitest'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { spawnVnet } from '#support/vnet-process.ts'

const { netns } = freshNamespaces('netns')
beforeEach(() => {
  // It listens on 127.0.0.1.
  netns.ip('link set lo up')
})

const within = () => ['ip', 'netns', 'exec', netns.name]

test('SIGUSR1 opens no debugger and does not end vnet', async () => {
  const vnet = await spawnVnet(['--name', 'vnet0'], { within: within() })
  kill(vnet.pid, 'SIGUSR1')
  netns.ip('link set vnet0 down')
  await vnet.line(/^vnet0: device closed$/)
  netns.ip('link set vnet0 up')
  await vnet.line(/^vnet0: device opened$/, 2)
  const { status, stderr } = await vnet.stop()
  expect(status).toBe(0)
  expect(stderr).not.toMatch(/debugger|inspector/i)
})

test('node --inspect opens a debugger', async () => {
  const vnet = await spawnVnet([], { within: within(), nodeArgs: ['--inspect=127.0.0.1:0'] })
  await vnet.line(/^Debugger listening on ws:/)
  expect(await vnet.stop()).toMatchObject({ status: 0 })
})
