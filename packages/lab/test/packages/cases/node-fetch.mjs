import fetch from 'node-fetch'
import { multiplyingHttp } from '../servers/listening.mjs'

export const serve = multiplyingHttp
export const answer = '42'
export const ask = async () => (await fetch('http://server/6/7')).text()
