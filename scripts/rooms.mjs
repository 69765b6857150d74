/**
 * The table of rooms: what is in each, and what it may use. scripts/check-imports.mjs checks the
 * imports by it. scripts/generate-rooms.mjs, part of `npm run generate`, writes the picture and the
 * tables of docs/internals.md and CONTRIBUTING.md from it. Links in a text start at the root.
 *
 * A room is a folder of src, a folder in it that has a line of its own, or a file in src itself.
 * It uses the rooms before it. A pure room uses neither Node nor rooms that do. It may use a
 * `*.node.ts` of a pure room if a `*.browser.ts` is beside it. `packages` are the packages of npm
 * that it may import.
 */

/**
 * The rooms of the core, from the lowest to the highest. A room without a text is in no table: it
 * only exports, or starts the program.
 */
export const core = [
  { room: 'base', pure: true, packages: ['yaml'], what: 'errors, clocks, logs, limits' },
  {
    room: 'packet',
    pure: true,
    what: 'headers and messages as functions over bytes: Ethernet, IP, TCP, ARP, DHCP, DNS',
  },
  { room: 'netlink', pure: true, what: 'messages of netlink as functions over bytes' },
  { room: 'skb', pure: true, what: 'frame memory, and who owns it; the reasons of drops' },
  {
    room: 'pci',
    pure: true,
    what: 'PCI and DMA for cards',
  },
  {
    room: 'netdev',
    pure: true,
    what: 'the driver framework: `NetDevice`, queues, NAPI, interrupts, statistics, GSO and GRO',
  },
  {
    room: 'wire',
    pure: true,
    what: 'impairments: the text of a wire, its stages such as delay and loss, the simulation',
  },
  { room: 'capture', pure: true, what: 'captures, pcap and pcapng files' },
  {
    room: 'linux',
    packages: ['ffi-rs'],
    what: 'everything that calls the kernel: `tap`, `links` (of namespaces, and their events), `rtnetlink`, packet sockets, privileges, the addon',
  },
  {
    room: 'drivers',
    pure: true,
    what: 'loop, cable, snull with its board, e1000, and their common code',
  },
  { room: 'attach', what: 'a wire on an interface that exists' },
  { room: 'index.ts', pure: true },
  { room: 'tap.ts' },
  { room: 'wire.ts', what: 'cables and attached wires for programs' },
  { room: 'capture.ts', what: 'captures of interfaces for programs' },
  {
    room: 'control/protocol',
    pure: true,
    what: 'the protocol that controls a running vnet: requests, replies, events',
  },
  {
    room: 'control/operations',
    pure: true,
    what: 'what a vnet does on request; `localVnet` requests it without a socket',
  },
  {
    room: 'control/sockets',
    what: 'where the sockets of running vnets are, and connections to them',
  },
  { room: 'control/client', what: 'clients: finding vnets, requests, events' },
  { room: 'control/server', what: 'the server in each vnet' },
  { room: 'control' },
  { room: 'agent', what: 'the daemon `vnet node`' },
  { room: 'net.ts', what: 'a `Net` on Linux for programs' },
  {
    room: 'bed',
    pure: true,
    what: '[drivers in memory](docs/drivers/testing.md), on a fake clock',
  },
  {
    room: 'cli',
    what: 'the command line: `parse`, `process` (streams, signals, lockups), `commands`, `replay`',
  },
  { room: 'vnet.ts' },
  { room: 'kit', what: 'doors: what the packages of this repository use beyond the public doors' },
]

const rooms = (...names) => names.map(room => ({ room }))
const pureRooms = (...names) => names.map(room => ({ room, pure: true }))

/**
 * The packages with sources, which import the core through doors (setup/doors.mjs). `ofCore` names
 * the only rooms of the core that a package may use. Without it, a package uses what its own rooms
 * may. Packages import each other only as `uses` says, of a package or of a room.
 */
export const products = [
  {
    product: 'lan',
    what: 'the network of `vnet lan`: switch, simulated machines, services, configuration, uplink',
    rooms: [
      ...pureRooms('lan/packet', 'lan/switch', 'lan/machines', 'lan/services/dhcp'),
      ...rooms('lan/services', 'lan/config', 'lan/port', 'lan/uplink', 'lan'),
    ],
  },
  {
    product: 'guest',
    what: 'programs in a virtual machine with virtual time, in QEMU',
    rooms: rooms('guest'),
  },
  {
    product: 'inet',
    what: '[TCP/IP of a host](packages/inet/README.md) in TypeScript, also in a browser',
    ofCore: ['base', 'packet'],
    rooms: pureRooms('inet/contract.ts', 'inet/ip', 'inet/udp.ts', 'inet/tcp', 'inet'),
  },
  {
    product: 'conform',
    what: '[cases of the RFCs](packages/conform/README.md) for any TCP/IP stack, and `vnet conform`',
    uses: ['inet'],
    rooms: rooms('conform', 'conform/commands'),
  },
  {
    product: 'lab',
    what: '[networks in a unit test](packages/lab/docs/testing.md), `vnet lab`, `vnet run`, and their [exploration](packages/lab/docs/explore.md)',
    uses: ['lan', 'guest', 'inet'],
    rooms: [
      ...rooms('lab/model', 'lab/nat', 'lab/carrier', 'lab/world'),
      ...rooms('lab/memory/time', 'lab/memory/node', 'lab/memory', 'lab/kernel'),
      ...rooms('lab/network', 'lab/nemesis', 'lab/history'),
      { room: 'lab/guest', packages: ['vitest', 'vitest/suite'] },
      ...rooms('lab/file', 'lab/explore', 'lab/story', 'lab/hunt', 'lab/run', 'lab/toxiproxy'),
      ...rooms('lab/commands'),
      { room: 'lab', packages: ['vitest', 'vitest/suite', '@playwright/test'] },
    ],
  },
  {
    product: 'web',
    what: '[the live page](packages/web/docs/web.md), and counters for [Prometheus](packages/web/docs/metrics.md)',
    rooms: [
      { room: 'web/http' },
      { room: 'web/metrics', packages: ['prom-client'] },
      { room: 'web', packages: ['uplot', 'preact', '@preact/signals'] },
      {
        room: 'web/page',
        pure: true,
        packages: [
          '@noble/hashes/hmac.js',
          '@noble/hashes/sha2.js',
          '@noble/hashes/utils.js',
          'uplot',
          'preact',
          'preact/hooks',
          '@preact/signals',
        ],
      },
    ],
  },
  {
    product: 'learn',
    what: 'the checks of [the course](packages/learn/docs/course.md)',
    uses: ['guest', 'conform'],
    rooms: [
      { room: 'learn', packages: ['es-module-lexer/js', 'fflate'] },
      // The npm package has no playground.
      { room: 'learn/browser/playground', uses: ['inet', 'web'] },
    ],
  },
  {
    product: 'exec',
    what: '`vnet exec`, programs for drivers in the kernel, by a seccomp supervisor',
    rooms: rooms('exec'),
  },
]
