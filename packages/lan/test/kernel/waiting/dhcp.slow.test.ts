/**
 * The DHCP server with the clients of Linux systems: dhclient, udhcpc, dhcpcd. Each runs in its own
 * namespace with its files in a temporary directory. The machine's resolver is not changed.
 */
import { once } from 'node:events'
import { copyFileSync, readFileSync, watch, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { attempt } from '#src/base/errno.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { type Child, outcome } from '#support/netns.ts'
import { DhcpGateway } from '../../support/dhcp-gateway.ts'

const MAC = '02:00:00:00:00:09'
const SUPPORT = resolve(import.meta.dirname, '../../support')

// The ARP probes of clients, and their delay after a decline, take up to 15 s on an idle machine.
vi.setConfig({ testTimeout: 180_000 })

const { own, home, directory: dir } = freshQuietNamespaces('home')
let gateway: DhcpGateway
let resolver: string
const running: Child[] = []
/** Output of the clients, shown if the test fails. */
const said: string[] = []

beforeEach(async ({ onTestFailed }) => {
  resolver = readFileSync('/etc/resolv.conf', 'utf8')
  const quick = 'initial-interval 1; backoff-cutoff 2; initial-delay 0; retry 1;'
  writeFileSync(`${dir}/dhclient.conf`, `${quick}\nrequest subnet-mask;\n`)
  writeFileSync(`${dir}/dhcpcd.conf`, 'noipv6\nnoipv6rs\nnoipv4ll\nipv4only\n')
  for (const name of ['dhcp-script.sh', 'dhcpcd-script.sh']) {
    copyFileSync(`${SUPPORT}/dhcp-script.sh`, `${dir}/${name}`)
  }
  gateway = new DhcpGateway(own, home, `${dir}/leases.json`)
  await gateway.open()
  said.length = 0
  // The namespace no longer exists then.
  onTestFailed(() => console.error([...gateway.lines, ...gateway.came, ...said].join('\n')))
  home.ip(`link set eth9 address ${MAC} up`)
})
afterEach(async () => {
  for (const child of running.splice(0)) {
    await crash(child)
  }
  await gateway.close()
  expect(readFileSync('/etc/resolv.conf', 'utf8')).toBe(resolver)
})

function run(...command: string[]): Child {
  const child = home.spawn([`${SUPPORT}/dhcp-client.sh`, dir, ...command])
  running.push(child)
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', chunk => void said.push(String(chunk)))
  }
  return child
}

/** dhcpcd is several processes in a PID namespace, which all end with the first. */
function firstChild({ pid }: Child): number | undefined {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return children === '' ? undefined : Number.parseInt(children, 10)
}

/** Kills a client like a power failure. It, or a script that it runs, may just have ended. */
async function crash(child: Child): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  const first = firstChild(child)
  if (first !== undefined) {
    attempt(() => process.kill(first, 'SIGKILL'))
  }
  child.kill('SIGKILL')
  await ended
}

const dhclientFiles = () => [
  '-cf',
  `${dir}/dhclient.conf`,
  '-lf',
  `${dir}/dhclient.leases`,
  '-pf',
  `${dir}/dhclient.pid`,
]

const clients = {
  dhclient: () =>
    run('dhclient', '-4', '-d', ...dhclientFiles(), '-sf', `${dir}/dhcp-script.sh`, 'eth9'),
  udhcpc: () =>
    run(
      'udhcpc',
      '-f',
      '-R',
      '-a',
      '-i',
      'eth9',
      '-A',
      '1',
      '-T',
      '1',
      '-s',
      `${dir}/dhcp-script.sh`,
      '-p',
      `${dir}/udhcpc.pid`,
    ),
  dhcpcd: () =>
    run(
      'unshare',
      '--pid',
      '--fork',
      '--kill-child',
      'dhcpcd',
      '-4',
      '-B',
      '-f',
      `${dir}/dhcpcd.conf`,
      '-c',
      `${dir}/dhcpcd-script.sh`,
      '-h',
      'dhcpcd-host',
      'eth9',
    ),
}
type Client = keyof typeof clients
const all = Object.keys(clients) as Client[]

/** The kinds of messages in the order of their first. A client repeats one if its reply is late. */
const kindsOf = ({ lines }: DhcpGateway) => [...new Set(lines.map(line => line.split('(')[0]))]

/** Waits until the client's script has set the address of the interface; returns it. */
async function addressSet(): Promise<string> {
  const watcher = watch(dir)
  try {
    for (;;) {
      const found = / inet (198\.18\.0\.[0-9]+)\/24 /.exec(home.ip('-o -4 address show eth9'))?.[1]
      if (found !== undefined) return found
      await once(watcher, 'change')
    }
  } finally {
    watcher.close()
  }
}

describe.each(all)('%s', client => {
  test(`${client} gets a lease and sets its address`, async () => {
    gateway.serve()
    clients[client]()
    await gateway.line(/^DHCPACK\(eth9\) 198\.18\.0\.100 02:00:00:00:00:09/)
    expect(await addressSet()).toBe('198.18.0.100')
    expect(gateway.server.leases()).toMatchObject([{ mac: MAC }])
    expect(kindsOf(gateway)).toEqual(['DHCPDISCOVER', 'DHCPOFFER', 'DHCPREQUEST', 'DHCPACK'])
  })

  test(`${client} renews its lease by unicast`, async () => {
    gateway.serve({ leaseTime: 30, renewalTime: 3, rebindingTime: 25 })
    clients[client]()
    await gateway.line(/^DHCPACK/)
    await addressSet()
    // Its shortest T1 is a minute; the signal makes it renew now.
    if (client === 'udhcpc') {
      process.kill(Number(readFileSync(`${dir}/udhcpc.pid`)), 'SIGUSR1')
    }
    await gateway.line(/^DHCPACK\(eth9\) 198\.18\.0\.100/)
    expect([...new Set(gateway.came), gateway.came.at(-1)]).toEqual([
      'broadcast',
      'unicast',
      'unicast',
    ])
  })

  test(`${client} declines an address that a host has and gets the next one`, async () => {
    gateway.serve()
    gateway.take('198.18.0.100')
    clients[client]()
    await gateway.line(/^DHCPDECLINE\(eth9\) 198\.18\.0\.100/)
    await gateway.line(/^DHCPACK\(eth9\) 198\.18\.0\.101/)
    expect(await addressSet()).toBe('198.18.0.101')
    expect(gateway.server.leases()).toHaveLength(1)
  })

  test(`${client} releases its address`, async () => {
    gateway.serve()
    const child = clients[client]()
    await gateway.line(/^DHCPACK/)
    await addressSet()
    // dhcpcd removes its address immediately, which would drop a release that still waits for ARP.
    await home.run('ping -c 1 198.18.0.1')
    const ended = once(child, 'exit')
    if (client === 'dhclient') {
      void outcome(
        run('dhclient', '-4', '-r', ...dhclientFiles(), '-sf', `${dir}/dhcp-script.sh`, 'eth9'),
      )
    } else if (client === 'udhcpc') {
      child.kill('SIGTERM')
    } else {
      process.kill(firstChild(child) as number, 'SIGALRM')
    }
    await gateway.line(/^DHCPRELEASE\(eth9\) 198\.18\.0\.100 02:00:00:00:00:09$/)
    expect(gateway.server.leases()).toEqual([])
    await ended
  })
})

describe.each(['dhclient', 'dhcpcd'] as const)('%s', client => {
  test(`${client} rebinds by broadcast if its server does not reply`, async () => {
    gateway.serve({ leaseTime: 40, renewalTime: 2, rebindingTime: 5 })
    gateway.deaf = true
    clients[client]()
    await gateway.line(/^DHCPACK/)
    await addressSet()
    await gateway.line(/^DHCPACK\(eth9\) 198\.18\.0\.100/)
    expect(gateway.came).toContain('unicast')
    expect(gateway.came.at(-1)).toBe('broadcast')
  })

  test(`${client} requests its last address after a reboot, even from a restarted server`, async () => {
    gateway.serve({ network: '198.18.0.0/24', ranges: ['198.18.0.107'] })
    const child = clients[client]()
    await gateway.line(/^DHCPACK/)
    await addressSet()
    await crash(child)
    home.ip('-4 address flush dev eth9')
    gateway.serve()
    clients[client]()
    await gateway.line(/^DHCPACK\(eth9\) 198\.18\.0\.107/)
    expect(kindsOf(gateway)).toEqual(['DHCPREQUEST', 'DHCPACK'])
    expect(await addressSet()).toBe('198.18.0.107')
  })
})
