import needle from 'needle'
import { multiplyingHttp } from '../servers/listening.mjs'

export const serve = multiplyingHttp
export const answer = '42'
export const ask = async () => String((await needle('get', 'http://server/6/7')).body)
