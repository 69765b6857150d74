/**
 * reset_stats: sets the statistics of an interface to 0, with the private ioctl
 * VNET_IOCTL_RESET_STATS of its driver.
 *
 *   npx tsc -p examples                                      not needed for Node 22.18 and newer
 *   sudo vnet exec node build/examples/reset_stats.js vnet0  as a program for the kernel
 *   sudo node build/examples/reset_stats.js --direct vnet0   talks to the vnet, with 'vnet/control'
 */
import process from 'node:process'
import { ControlClient, findVnets } from 'vnet/control'
import { libc } from './libc.ts'

const [AF_INET, SOCK_DGRAM] = [2, 2]
const IFNAMSIZ = 16
const SIZEOF_IFREQ = 40
const VNET_IOCTL_RESET_STATS = 0x89f0 // SIOCDEVPRIVATE + 0

function byIoctl(name: string): void {
  const ifreq = Buffer.alloc(SIZEOF_IFREQ)
  ifreq.write(name, 0, IFNAMSIZ - 1)
  libc('ioctl', libc('socket', AF_INET, SOCK_DGRAM, 0), VNET_IOCTL_RESET_STATS, ifreq)
}

async function byClient(name: string): Promise<void> {
  const client = ControlClient.open()
  const { devices } = await findVnets(client)
  const device = devices.find(device => device.name === name)
  if (device === undefined) throw new Error('no vnet has this interface')
  await client.resetStats(device.vnet, device)
}

const words = process.argv.slice(2)
const direct = words[0] === '--direct'
const [name, ...others] = direct ? words.slice(1) : words
if (name === undefined || others.length > 0) {
  console.error('usage: reset_stats [--direct] IF')
  process.exit(2)
}
try {
  await (direct ? byClient : byIoctl)(name)
  console.log(`${name}: statistics reset`)
} catch (error) {
  console.error(`reset_stats: ${name}: ${(error as Error).message}`)
  process.exitCode = 1
}
