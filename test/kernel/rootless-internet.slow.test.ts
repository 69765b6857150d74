/** `vnet rootless --internet`: the network of the machine for the command, and for labs inside. */
import dgram from 'node:dgram'
import { beforeEach, expect, test } from 'vitest'
import { writeSysctl } from '#src/linux/sysctl.ts'
import { parseQuestion } from '#src/packet/dns.ts'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { outcome } from '#support/netns.ts'
import { asUser, onMachine, TREE, VNET_ROOTLESS } from '#support/ordinary-user.ts'
import { codeIn } from '../../packages/lab/src/kernel/sockets.ts'
import { bindUdp } from '../../packages/lab/src/world/code.ts'

const { machine, server, own } = freshNamespaces('machine', 'server')

const RESOLVER =
  'echo nameserver 192.0.2.2 > /run/resolv.conf; mount --bind /run/resolv.conf /etc/resolv.conf'
const INTERNET = VNET_ROOTLESS.map(word => (word === '--' ? '--internet' : word))

/** Joins the machine to a server, by its only route. */
beforeEach(() => {
  machine.ip(`link add out type veth peer name in netns ${server.name}`)
  for (const [each, dev, n] of [
    [machine, 'out', 1],
    [server, 'in', 2],
  ] as const) {
    each.ip(
      `addr add 192.0.2.${n}/24 dev ${dev}`,
      `addr add 2001:db8:ff::${n}/64 dev ${dev} nodad`,
      `link set ${dev} up`,
    )
  }
  // As distributions have it, for pings by users.
  writeSysctl(own.native, machine.fd, 'net/ipv4/ping_group_range', '0 2147483647')
  machine.ip('route add default via 192.0.2.2', 'route add default via 2001:db8:ff::2')
})

/** Runs a command as the user, by `vnet rootless --internet`. */
const run = (...command: readonly string[]) =>
  outcome(machine.spawn([...asUser({ before: RESOLVER }), ...INTERNET, ...command]))
const sh = (text: string) => run('sh', '-c', text)

/** A DNS server that has 192.0.2.2 for every name. */
async function resolver() {
  const socket = dgram.createSocket('udp4')
  const place = { native: own.native, nsfd: server.fd }
  await bindUdp(codeIn(place), socket, 53, undefined)
  socket.unref()
  socket.on('message', (query, { port, address }) => {
    const name = parseQuestion(query)!.name
    const isIpv4 = query[12 + name.length + 1] === 1
    const question = query.subarray(12, 12 + name.length + 4)
    const answer = isIpv4 ? [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 2] : []
    const header = [...query.subarray(0, 2), 0x81, 0x80, 0, 1, 0, isIpv4 ? 1 : 0, 0, 0, 0, 0]
    socket.send(Buffer.from([...header, ...question, ...answer]), port, address)
  })
  return { [Symbol.dispose]: () => socket.close() }
}

test("the command reaches the machine's network by IPv4, IPv6 and names, and ends with its own status", async () => {
  using _ = await resolver()
  const text = `ping -qc1 -W30 192.0.2.2 | grep -c " 1 received"; ping -qc1 -W30 2001:db8:ff::2 | grep -c " 1 received"
    getent ahostsv4 www.example | head -1; id -u; exit 7`
  expect(await sh(text)).toEqual({
    status: 7,
    stdout: expect.stringMatching(/^1\n1\n192\.0\.2\.2 .*\n0\n$/),
    stderr: '',
  })
})

test('a lab inside leads its hosts to the Internet past a wire', async () => {
  using _ = await resolver()
  const program = `
    import { createLab } from '${TREE}/packages/lab/dist/index.js'
    const lab = await createLab()
    const [client] = lab.hosts('client')
    const router = await lab.internet({ inside: [client], wire: 'delay 30ms' })
    const text = 'ping -qc1 -W30 192.0.2.2; ping -qc1 -W30 2001:db8:ff::2; getent ahostsv4 www.example'
    console.log((await client.exec('sh', ['-c', text])).stdout)
    await lab.close()`
  const { status, stdout, stderr } = await run(
    process.execPath,
    '--input-type=module',
    '-e',
    program,
  )
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  const times = [...stdout.matchAll(/= ([\d.]+)\//g)].map(([, ms]) => Number(ms))
  expect(times.length).toBe(2)
  for (const ms of times) {
    expect(ms).toBeGreaterThanOrEqual(60)
  }
  expect(stdout).toMatch(/^192\.0\.2\.2 /m)
})

test('the connection ends with the command, also after kill -9', async () => {
  const child = machine.spawn([
    ...asUser(),
    ...INTERNET,
    'sh',
    '-c',
    'ls -l /proc/self/fd; read line',
  ])
  let listed = ''
  child.stdout.on('data', text => {
    listed += text
  })
  const ended = outcome(child)
  await expect.poll(() => listed).toMatch(/ 3 -> .*\/fd$/m)
  expect(listed).not.toMatch(/anon_inode|node/)
  const processes = () => machine.exec(`ip netns pids ${machine.name}`).trim().split('\n').length
  const before = processes()
  child.kill('SIGKILL')
  await ended
  // The listing itself runs there.
  expect(before).toBeGreaterThan(1)
  await expect.poll(processes).toBe(1)
})

test('root gets the same network, and a command that does not exist has status 127', async () => {
  const words = [...onMachine({ before: RESOLVER, mode: '600' }, []), ...INTERNET]
  const text = 'ping -qc1 -W30 192.0.2.2 | grep -c " 1 received"; cat /etc/resolv.conf'
  expect(await outcome(machine.spawn([...words, 'sh', '-c', text]))).toEqual({
    status: 0,
    stdout: expect.stringMatching(/^1\nnameserver 198\.19\.255\.53\n$/),
    stderr: '',
  })
  const missing = await outcome(machine.spawn([...words, '/nonexistent']))
  expect(missing).toEqual({ status: 127, stdout: '', stderr: 'vnet: /nonexistent: not found\n' })
})

test('one line says that pasta is missing, or that there is no route', async () => {
  const hidden = ': > /run/none; mount --bind /run/none $(realpath $(command -v pasta))'
  const without = outcome(machine.spawn([...asUser({ before: hidden }), ...INTERNET, 'true']))
  expect(await without).toEqual({
    status: 1,
    stdout: '',
    stderr:
      'vnet: the way to the Internet is pasta, which is not installed: sudo apt-get install passt\n',
  })
  const far = await outcome(server.spawn([...asUser(), ...INTERNET, 'true']))
  expect(far).toEqual({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(/^vnet: no way to the Internet: .*\n$/),
  })
  const inside = await outcome(machine.spawn([...asUser(), ...VNET_ROOTLESS, ...INTERNET, 'true']))
  expect(inside.stderr).toMatch(/no way to the Internet: /)
})
