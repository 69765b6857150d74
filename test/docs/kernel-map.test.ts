/**
 * The kernel map, docs/records/kernel-map.json, is complete, and the files, names and tests in it
 * exist. docs/kernel-map.md and docs/records/kernel-map-*.md follow from it.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { list } from '#support/list.ts'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')
const data = read('docs/records/kernel-map.json')

/** A name, step or paragraph of a text about the kernel, what has its place here, and tests. */
interface Row {
  readonly kernel: string
  readonly here: string
  /** Each the path of a file, and the title of a test in it: `test/x.test.ts: a title`. */
  readonly tests: readonly string[]
}

/** A name that the course or a page uses, with a sentence about it. */
interface Name {
  readonly kernel: string
  readonly here: string
  readonly does: string
}

interface KernelMap {
  readonly topics: readonly { readonly names: readonly Name[] }[]
  readonly pages: readonly {
    readonly sections: readonly { readonly title: string; readonly rows: readonly Row[] }[]
  }[]
}

const map: KernelMap = JSON.parse(data)
const sentences = map.topics.flatMap(({ names }) => names)
const rows = map.pages.flatMap(({ sections }) =>
  sections.flatMap(({ title, rows }) => rows.map(row => ({ section: title, ...row }))),
)

/** Returns the texts in backticks, in order. */
const quoted = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)
const namesIn = (cell: string) => quoted(cell).flatMap(code => code.match(/[\w/.%-]+/g) ?? [])
const isIdentifier = (code: string) => /^[A-Za-z_]\w*$/.test(code)

/** Returns the identifiers of a text of code. */
const namesOfCode = (code: string) => code.match(/[A-Za-z_]\w+/g) ?? []

/** A name of vnet, which the texts about the kernel have, too. */
const OURS = ['vnet_nl']

/** Returns a source without its comments: a name that occurs only in comments does not count. */
function codeOf(path: string): string {
  return read(path)
    .replace(/\/\*.*?\*\//gs, '')
    .replace(/(^|\s)\/\/.*$/gm, '')
}

const TEXT = /(['"`])((?:\\.|(?!\1).)*)\1/.source

/**
 * Returns the titles of a file's tests and groups as they are written, and the rows of tables of
 * tests.
 */
function titlesOf(path: string): string[] {
  const text = read(path)
  const found = (before: string) =>
    [...text.matchAll(new RegExp(`${before}\\s*${TEXT}\\s*,`, 'gs'))].map(([, , title = '']) =>
      title.replace(/\\(['"`])/g, '$1'),
    )
  const titles = found('(?:\\b(?:describe|it|test)(?:\\.\\w+)*(?:<[^(]*>)?|\\))\\(')
  return titles.includes('%s') ? [...titles, ...found('\\[')] : titles
}

/** The names in each text of the kernel, by the section of the page that maps it. */
const wanted: Record<string, string[]> = {
  'Quick reference': list(`
    linux/netdevice.h net_device_stats register_netdev unregister_netdev SET_MODULE_OWNER netif_start_queue
    netif_stop_queue netif_wake_queue netif_rx linux/if.h ifmap netif_carrier_off netif_carrier_on netif_carrier_ok
    linux/if_ether.h ethhdr linux/skbuff.h alloc_skb dev_alloc_skb kfree_skb dev_kfree_skb skb_put __skb_put skb_push
    __skb_push skb_headroom skb_tailroom skb_reserve skb_pull linux/etherdevice.h ether_setup eth_type_trans
    linux/sockios.h SIOCDEVPRIVATE`),
  'How snull is designed': list('local0 remote0 local1 remote1 ifconfig route ping tcpdump eth'),
  'Connecting to the kernel': list(`
    net_device snull_devs name snull_eth init snull_init snull_open snull_release snull_config snull_tx snull_ioctl
    snull_stats snull_rebuild_header snull_header snull_tx_timeout IFF_NOARP hard_header_cache SET_MODULE_OWNER priv
    snull_priv stats status rx_packetlen rx_packetdata tx_packetlen tx_packetdata skb lock kmalloc memset
    spin_lock_init snull_cleanup drivers/net/Space.c ethif_probe`),
  'net_device: the visible head': list(`
    name rmem_end rmem_start mem_end mem_start base_addr irq if_port dma state next init`),
  'net_device: interface information': list(`
    ether_setup ltalk_setup fc_setup fddi_setup hippi_setup tr_configure tr_setup hard_header_len mtu tx_queue_len
    type addr_len broadcast dev_addr flags`),
  'net_device: the flags': list(`
    IFF_UP IFF_BROADCAST IFF_DEBUG IFF_LOOPBACK IFF_POINTOPOINT IFF_NOARP IFF_PROMISC IFF_MULTICAST IFF_ALLMULTI
    IFF_MASTER IFF_SLAVE IFF_PORTSEL IFF_AUTOMEDIA IFF_DYNAMIC IFF_RUNNING IFF_NOTRAILERS`),
  'net_device: the methods': list(`
    open stop hard_start_xmit hard_header rebuild_header tx_timeout get_stats set_config do_ioctl set_multicast_list
    set_mac_address change_mtu header_cache header_cache_update hard_header_parse`),
  'net_device: utility fields': list(`
    trans_start last_rx watchdog_timeo priv mc_list mc_count xmit_lock xmit_lock_owner owner`),
  'Opening and closing': list('SIOCSIFADDR SIOCSIFFLAGS IFF_UP netif_start_queue netif_stop_queue'),
  'Packet transmission': list(`
    hard_start_xmit sk_buff data len snull_tx ETH_ZLEN trans_start snull_hw_tx netif_stop_queue netif_wake_queue
    watchdog_timeo tx_timeout lockup timeout SNULL_TIMEOUT PDEBUG snull_interrupt`),
  'Packet reception': list(`
    snull_rx dev_alloc_skb memcpy skb_put change_mtu dev protocol CHECKSUM_HW CHECKSUM_NONE CHECKSUM_UNNECESSARY
    rx_packets rx_bytes tx_packets tx_bytes netif_rx`),
  'The interrupt handler': list(`
    snull_interrupt irq dev_id regs spin_lock SNULL_RX_INTR SNULL_TX_INTR dev_kfree_skb netif_wake_queue`),
  'Changes in link state': list('netif_carrier_off netif_carrier_on netif_carrier_ok'),
  'The socket buffers': list(`
    rx_dev dev h nh mac head data tail end len ip_summed pkt_type PACKET_HOST PACKET_BROADCAST PACKET_MULTICAST
    PACKET_OTHERHOST alloc_skb dev_alloc_skb kfree_skb dev_kfree_skb skb_put __skb_put skb_push __skb_push
    skb_tailroom skb_headroom skb_reserve skb_pull`),
  'MAC address resolution': list(`
    dev_addr addr_len hard_header eth_header snull_header h_proto h_source h_dest hard_header_len eth_type_trans
    mac.raw pkt_type PACKET_OTHERHOST protocol ETH_P_IP ARPHRD_ETHER`),
  'Custom ioctl commands': list(`
    ioctl SIOCSIFADDR SIOCSIFMAP ifreq ifmap SIOCDEVPRIVATE do_ioctl ifr_data pppstats`),
  'Statistical information': list(`
    get_stats snull_stats net_device_stats rx_packets tx_packets rx_bytes tx_bytes rx_errors tx_errors rx_dropped
    tx_dropped collisions multicast rx_length_errors rx_over_errors rx_crc_errors rx_frame_errors rx_fifo_errors
    rx_missed_errors tx_aborted_errors tx_carrier_errors tx_fifo_errors tx_heartbeat_errors tx_window_errors`),
  Multicasting: list(`
    set_multicast_list mc_list mc_count IFF_MULTICAST IFF_ALLMULTI IFF_PROMISC dev_mc_list next dmi_addr dmi_addrlen
    dmi_users dmi_gusers ff_set_multicast_list FF_TABLE_SIZE nf_set_multicast_list tcpdump`),
  'Backward compatibility': list(`
    device start interrupt tbusy mark_bh NET_BH hard_start_xmit name enet_statistics dev_tint FREE_READ FREE_WRITE
    rebuild_header snull_rebuild_header sysdep.h HAVE_DEVLIST netdev_entry`),
  'Linux Device Drivers, 3rd edition': list(`
    alloc_netdev alloc_etherdev alloc_fcdev alloc_fddidev alloc_trdev netdev_priv free_netdev snull_devs
    snull_init_module module_init snull_cleanup module_exit snull_init module_param SET_MODULE_OWNER MOD_INC_USE_COUNT
    MOD_DEC_USE_COUNT pool_size snull_setup_pool snull_teardown_pool snull_packet datalen data next ppool
    snull_get_tx_buffer snull_release_buffer rx_queue snull_enqueue_buf snull_dequeue_buf rx_int_enabled snull_rx_ints
    use_napi snull_regular_interrupt snull_napi_interrupt snull_interrupt snull_change_mtu features NETIF_F_SG
    NETIF_F_FRAGLIST NETIF_F_IP_CSUM NETIF_F_HW_CSUM NETIF_F_NO_CSUM NETIF_F_HIGHDMA NETIF_F_HW_VLAN_TX
    NETIF_F_HW_VLAN_RX NETIF_F_HW_VLAN_FILTER NETIF_F_VLAN_CHALLENGED NETIF_F_TSO NETIF_F_LLTX open stop ndo_open
    ndo_stop hard_start_xmit ndo_start_xmit NETDEV_TX_OK NETDEV_TX_BUSY hard_header header_ops eth_header
    eth_rebuild_header rebuild_header hard_header_cache eth_header_cache eth_header_cache_update hard_header_parse
    eth_header_parse tx_timeout ndo_tx_timeout txqueue get_stats ndo_get_stats64 set_config ndo_set_config do_ioctl
    ndo_siocdevprivate ndo_eth_ioctl change_mtu eth_change_mtu ndo_change_mtu min_mtu max_mtu set_mac_address
    eth_mac_addr ndo_set_mac_address dev_addr eth_hw_addr_set set_multicast_list ndo_set_rx_mode dev_mc_list mc_list
    mc_count netdev_for_each_mc_addr netdev_mc_count poll_controller ndo_poll_controller trans_start
    netif_trans_update last_rx xmit_lock xmit_lock_owner __netif_tx_lock netif_queue_stopped netif_tx_disable
    netif_device_detach netif_device_attach skb_padto skb_put_padto skb_shinfo nr_frags frags MAX_SKB_FRAGS
    skb_frag_struct skb_frag_t page page_offset size data_len skb_headlen skb_is_nonlinear dma_map_single dma_map_page
    dma_unmap_single kmap_skb_frag gso_size printk_ratelimit netif_rx netif_receive_skb napi_gro_receive NET_RX_DROP
    dev_alloc_skb netdev_alloc_skb snull_poll poll netif_napi_add weight quota budget netif_rx_schedule napi_schedule
    netif_rx_schedule_prep __netif_rx_schedule napi_schedule_prep netif_rx_complete napi_complete_done
    netif_poll_enable netif_poll_disable napi_enable napi_disable CHECKSUM_HW CHECKSUM_PARTIAL CHECKSUM_COMPLETE
    request_irq free_irq IRQ_HANDLED IRQ_NONE pt_regs dev_kfree_skb_irq dev_kfree_skb_any skb_get skb_cloned mac.raw
    skb_mac_header mii_if_info phy_id mdio_read mdio_write SIOCGMIIPHY SIOCETHTOOL SET_ETHTOOL_OPS ethtool_ops
    HAVE_ALLOC_NETDEV HAVE_NETDEV_POLL HAVE_NETIF_QUEUE HAVE_TX_TIMEOUT HAVE_CHANGE_MTU`),
  'alloc_netdev_mqs in 2.6.38': list(`
    alloc_etherdev alloc_etherdev_mq alloc_etherdev_mqs eth%d ether_setup header_ops eth_header_ops type
    hard_header_len mtu addr_len tx_queue_len flags broadcast alloc_netdev alloc_netdev_mqs kzalloc ALIGN PTR_ALIGN
    NETDEV_ALIGN padded pcpu_refcnt dev_addr_init dev_addrs dev_mc_init dev_uc_init dev_net_set init_net gso_max_size
    ethtool_ntuple_list napi_list unreg_list link_watch_list priv_flags IFF_XMIT_DST_RELEASE setup num_tx_queues
    real_num_tx_queues netif_alloc_netdev_queues num_rx_queues real_num_rx_queues netif_alloc_rx_queues strcpy`),
  'register_netdev in 2.6.38': list(`
    rtnl_lock strchr dev_alloc_name register_netdevice addr_list_lock netdev_set_addr_lockdep_class ndo_init EIO
    err_uninit dev_get_valid_name dev_new_index ifindex iflink NETIF_F_HW_CSUM NETIF_F_IP_CSUM NETIF_F_IPV6_CSUM
    NETIF_F_NO_CSUM netdev_fix_features NETIF_F_SG NETIF_F_GSO vlan_features NETIF_F_GRO NETIF_F_HIGHDMA
    call_netdevice_notifiers NETDEV_POST_INIT NETDEV_REGISTER notifier_to_errno rollback_registered
    NETREG_UNREGISTERED netdev_register_kobject reg_state NETREG_REGISTERED __LINK_STATE_PRESENT dev_init_scheduler
    dev_hold list_netdevice dev_list name_hlist index_hlist rtmsg_ifinfo RTM_NEWLINK rtnl_link_ops rtnl_link_state`),
  'The multi-queue loopback driver': list(`
    DRV_NAME MODULE_AUTHOR MODULE_DESCRIPTION MODULE_LICENSE VNET_IOCTL_RESET_STATS VNET_TX_QUEUES VNET_RX_QUEUES
    priv_lock spin_lock spin_unlock spin_lock_init vnet_priv sk_buff_head tx_ring rx_ring vnet_siocdevprivate EOPNOTSUPP
    vnet_process_rx_ring skb_dequeue protocol eth_type_trans CHECKSUM_UNNECESSARY stats rx_packets rx_bytes tx_packets
    tx_bytes netif_rx vnet_start_xmit skb_get_queue_mapping skb_copy GFP_ATOMIC rx_q skb_queue_tail dev_kfree_skb
    NETDEV_TX_OK vnet_open skb_queue_head_init netif_start_queue vnet_stop netif_stop_queue pr_info net_device_ops
    vnet_netdev_ops ndo_open ndo_stop ndo_start_xmit ndo_siocdevprivate ndo_do_ioctl vnet_setup ether_setup netdev_ops
    IFF_NOARP NETIF_F_HW_CSUM eth_hw_addr_random num_tx_queues num_rx_queues vnet_dev vnet_init module_init
    alloc_netdev_mqs NET_NAME_UNKNOWN ENOMEM register_netdev unregister_netdev free_netdev vnet_exit module_exit`),
  'The articles around it': list('alloc_netdev_mqs vnet_nl'),
}

test.each(Object.entries(wanted))('%s: every name has a row', (section, names) => {
  const there = new Set(
    rows.filter(row => row.section === section).flatMap(({ kernel }) => namesIn(kernel)),
  )
  expect(names.filter(name => !there.has(name) && !there.has(`-${name}`))).toEqual([])
})

test('every section belongs to one of the texts', () => {
  expect([...new Set(rows.map(({ section }) => section))]).toEqual(Object.keys(wanted))
})

test('no cell is empty, and no row occurs twice', () => {
  const isBroken = (cell: string) => cell === '' || /[|\n]/.test(cell)
  expect(rows.filter(({ kernel, here }) => [kernel, here].some(isBroken))).toEqual([])
  expect(sentences.filter(({ kernel, here, does }) => [kernel, here, does].some(isBroken))).toEqual(
    [],
  )
  const names = rows.map(({ section, kernel }) => `${section}: ${kernel}`)
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([])
})

test('every file in the map exists, and has the names next to it', () => {
  const kernelNames = new Set(rows.flatMap(({ kernel }) => namesIn(kernel)))
  const wrong: string[] = []
  for (const { kernel, here } of rows) {
    let file: string | undefined
    for (const code of quoted(here)) {
      if (code.startsWith('src/')) {
        file = code
        if (!existsSync(new URL(file, root))) {
          wrong.push(`${file} is not there: ${kernel}`)
        }
        continue
      }
      if (!isIdentifier(code)) continue
      if (file === undefined) {
        // A name before the first file is one of the kernel.
        if (!kernelNames.has(code)) {
          wrong.push(`${code} has no row: ${kernel}`)
        }
      } else if (
        existsSync(new URL(file, root)) &&
        !new RegExp(`\\b${code}\\b`).test(codeOf(file))
      ) {
        wrong.push(`${code} is not in ${file}: ${kernel}`)
      }
    }
    if (file === undefined) {
      wrong.push(`no file: ${kernel}`)
    }
  }
  expect(wrong).toEqual([])
})

test('every option in the map is one of the program or of a driver', () => {
  const files = ['src/cli', 'src/drivers'].flatMap(dir =>
    readdirSync(new URL(dir, root), { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.ts'))
      .map(name => `${dir}/${name}`),
  )
  const code = files.map(codeOf).join('\n')
  const options = [...data.matchAll(/`--([a-z-]+)`/g)].map(([, name = '']) => name)
  expect(options.length).toBeGreaterThan(10)
  const camel = (name: string) =>
    name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
  expect(
    options.filter(
      name => !code.includes(`'--${name}`) && !new RegExp(`\\b${camel(name)}: `).test(code),
    ),
  ).toEqual([])
})

test('every test in the map exists under its title', () => {
  const wrong: string[] = []
  for (const { kernel, tests } of rows) {
    if (tests.length === 0) {
      wrong.push(`no test: ${kernel}`)
    }
    for (const named of tests) {
      const [, file = '', title = ''] = /^(\S+): (.*)$/.exec(named) ?? []
      if (!existsSync(new URL(file, root))) {
        wrong.push(`${named} is not there: ${kernel}`)
      } else if (!titlesOf(file).includes(title)) {
        wrong.push(`"${title}" is not in ${file}`)
      }
    }
  }
  expect([...new Set(wrong)]).toEqual([])
})

/** Pages that use names of the kernel: all but the pages that only map them. */
const USERS = [
  ...['docs', 'docs/drivers', 'packages/learn/docs', 'packages/exec/docs'].flatMap(folder =>
    readdirSync(new URL(folder, root)).map(name => `${folder}/${name}`),
  ),
  ...readdirSync(new URL('packages/learn/course', root)).map(
    name => `packages/learn/course/${name}/README.md`,
  ),
].filter(
  path =>
    path.endsWith('.md') && !/kernel-map|docs\/ldd/.test(path) && existsSync(new URL(path, root)),
)

test('every name of the map that the course or a page uses has a sentence: what it does here', () => {
  const isName = (code: string) => /^[A-Za-z]\w*_\w+$/.test(code) || /^[A-Z]\w+$/.test(code)
  const known = new Set(rows.flatMap(({ kernel }) => namesIn(kernel)).filter(isName))
  const used = new Set(
    USERS.flatMap(path => quoted(read(path).replace(/^```.*?^```/gms, '')).flatMap(namesOfCode)),
  )
  const said = new Set(sentences.flatMap(({ kernel }) => namesIn(kernel)))
  const wanted = [...known].filter(name => used.has(name) && !OURS.includes(name))
  expect(wanted.length).toBeGreaterThan(80)
  expect(wanted.filter(name => !said.has(name))).toEqual([])
})

test('what has the place of a name with a sentence exists in the sources', () => {
  const sources = ['src', 'packages/learn/src', 'packages/learn/course'].flatMap(dir =>
    readdirSync(new URL(dir, root), { recursive: true, encoding: 'utf8' })
      .filter(name => /\.(ts|js)$/.test(name))
      .map(name => codeOf(`${dir}/${name}`)),
  )
  const words = new Set(sources.join('\n').match(/[\w-]+/g))
  const missing = sentences.flatMap(({ here }) =>
    quoted(here)
      .flatMap(code => code.match(/[\w-]+/g) ?? [])
      .filter(word => !words.has(word) && !words.has(word.replace(/^--/, ''))),
  )
  expect(missing).toEqual([])
})

test('no name has two sentences', () => {
  const said = sentences.flatMap(({ kernel }) => namesIn(kernel))
  expect(said.filter((name, i) => said.indexOf(name) !== i)).toEqual([])
})

test('docs/kernel-map.md has at most 450 words that are written by hand', () => {
  const page = read('docs/kernel-map.md').replace(/^\|.*\n|^```.*?^```\n/gms, '')
  expect(page.match(/\S+/g)!.length).toBeLessThanOrEqual(450)
})
