import { Resolver } from 'node:dns/promises'
import { same } from './net.mjs'

const resolver = new Resolver({ timeout: 500 })
resolver.setServers([process.env.VNET_IP4_SERVER ?? '198.18.1.2'])
same((await resolver.resolve4('name.example')).join(), '192.0.2.1')
