import { positiveDuration as duration, positiveSize as size } from '@backplane/core/units';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';

const pattern = z
  .string()
  .regex(
    /^(?:\*|(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::(?:\d{1,5}|\*))?$/i,
    'must be a host such as example.com, *.example.com, example.com:8443, 192.0.2.7 or *',
  );

const cidr = z.string().refine(ipaddr.isValidCIDR, 'must be a range of addresses such as 10.1.0.0/16 or fd00::/8');

const url = z.strictObject({
  enabled: z.boolean().default(true).describe('false: no http or https URL is loaded'),
  schemes: z
    .array(z.enum(['https', 'http']))
    .min(1)
    .default(['https', 'http']),
  allow_hosts: z
    .array(pattern)
    .default([])
    .describe(
      'Hosts that may be asked: example.com, *.example.com, * for any; on other ports example.com:8443, example.com:*',
    ),
  allow_cidrs: z
    .array(cidr)
    .default([])
    .describe('Addresses that may be dialled although they are not public, e.g. 10.1.0.0/16'),
  deny_cidrs: z.array(cidr).default([]).describe('Addresses that may not be dialled although they are public'),
  max_bytes: size.prefault('20MB').describe('Largest medium'),
  timeout: duration.prefault('20s').describe('From the first byte sent to the last one read, redirects included'),
});

const file = z.strictObject({
  allow_dirs: z
    .array(z.string().min(1))
    .default([])
    .describe('Folders below which files may be read; relative to config.yaml. Absent: none'),
  max_bytes: size.prefault('20MB').describe('Largest medium'),
});

export const config = z.strictObject({
  max_items: z.int().positive().default(16).describe('Most media that one request may name'),
  data: z
    .strictObject({ max_bytes: size.prefault('20MB').describe('Largest medium, decoded') })
    .prefault({})
    .describe('data: URLs, which need no permission'),
  url: url.prefault({}).describe('http: and https: URLs'),
  file: file.prefault({}).describe('file: URLs and paths'),
});

export type UrlOptions = z.output<typeof url>;
export type FileOptions = z.output<typeof file>;
