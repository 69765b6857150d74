import { request } from 'undici'
import { multiplyingHttp } from '../servers/listening.mjs'

export const serve = multiplyingHttp
export const answer = '42'
export const ask = async () => (await request('http://server/6/7')).body.text()
