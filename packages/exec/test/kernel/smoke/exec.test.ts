/** `vnet exec`: a program without vnet code calls the driver of a running vnet. */
import { expect, test } from 'vitest'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { outcome } from '#support/netns.ts'
import { PYTHON } from '#support/python.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import { PROGRAM, startVnet, stopConserved } from '#support/vnet-process.ts'

const { netns } = freshQuietNamespaces('netns')

/**
 * Reads snull's counter of received frames (SIOCDEVPRIVATE + 1, a struct rtnl_link_stats64), and
 * resets its statistics (SIOCDEVPRIVATE + 0). lo has no such ioctls.
 */
const CLIENT = `
import ctypes, fcntl, socket, struct
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
data = (ctypes.c_uint64 * 25)()
def call(name, number):
    fcntl.ioctl(sock, 0x89f0 + number, struct.pack('16sQ16x', name, ctypes.addressof(data)))
    return data[0]
before = call(b'sn0', 1)
call(b'sn0', 0)
print(before, call(b'sn0', 1), call(b'sn1', 1))
try: call(b'lo', 1)
except OSError as error: print(error.errno)
`

test('private ioctls of a Python program reach the driver of vnet snull, and others the kernel', async () => {
  const vnet = await startVnet(['snull', '--netns', netns.name, '--json'])
  await pingWithoutLoss(netns, '-c 2 -i 0.002 198.18.0.2')
  const command = [process.execPath, PROGRAM, 'exec', '--', PYTHON, '-c', CLIENT]
  expect(await outcome(netns.spawn(command))).toEqual({
    status: 0,
    stdout: '2 0 2\n95\n',
    stderr: '',
  })
  await stopConserved(vnet)
})
