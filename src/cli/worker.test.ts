import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { sweepCommand } from './sweep.ts'
import { workerCommand } from './worker.ts'

const folder = join(import.meta.dirname, '../../configs/k8s')

function documentsOf(name: string): unknown[] {
  return parseAllDocuments(readFileSync(join(folder, name), 'utf8')).map((document) => {
    expect(document.errors, name).toEqual([])
    return document.toJS() as unknown
  })
}

const anything = z.looseObject({ apiVersion: z.string(), kind: z.string(), metadata: z.looseObject({ name: z.string() }) })

const container = z.looseObject({
  name: z.string(),
  image: z.string(),
  args: z.array(z.string()),
  resources: z.object({
    requests: z.object({ cpu: z.string(), memory: z.string() }),
    limits: z.object({ cpu: z.string(), memory: z.string() }),
  }),
  securityContext: z.object({
    allowPrivilegeEscalation: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.object({ drop: z.tuple([z.literal('ALL')]) }),
  }),
  volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string().startsWith('/') })),
})

const pod = z.object({
  metadata: z.object({ labels: z.object({ app: z.string() }) }),
  spec: z.looseObject({
    securityContext: z.looseObject({ runAsNonRoot: z.literal(true), runAsUser: z.int().min(1) }),
    automountServiceAccountToken: z.literal(false),
    containers: z.tuple([container]),
    volumes: z.array(z.looseObject({ name: z.string() })),
  }),
})

const workload = z.looseObject({
  spec: z.looseObject({ template: pod, selector: z.object({ matchLabels: z.object({ app: z.string() }) }).optional() }),
})

const { resources } = z.object({ resources: z.array(z.string()) }).parse(documentsOf('kustomization.yaml')[0])
const objects = resources.flatMap(documentsOf).map((document) => anything.parse(document))
const workloads = objects
  .filter(({ kind }) => kind === 'Deployment' || kind === 'Job')
  .map((object) => ({ name: object.metadata.name, ...workload.parse(object).spec }))

describe('the manifests', () => {
  test('are of kinds and versions that a cluster knows, each name once', () => {
    expect(objects.map(({ apiVersion, kind, metadata }) => `${apiVersion} ${kind} ${metadata.name}`)).toEqual([
      'v1 Namespace longhaul',
      'apps/v1 Deployment longhaul-redis',
      'v1 Service longhaul-redis',
      'networking.k8s.io/v1 NetworkPolicy longhaul-redis',
      'apps/v1 Deployment longhaul-worker',
      'v1 PersistentVolumeClaim longhaul-reports',
      'batch/v1 Job longhaul-sweep',
    ])
  })

  test.for(workloads)('$name selects its own pods and mounts volumes that it has', ({ template, selector }) => {
    const { containers, volumes } = template.spec
    expect(selector?.matchLabels.app ?? template.metadata.labels.app).toBe(template.metadata.labels.app)
    expect(containers[0].volumeMounts.map(({ name }) => name).toSorted()).toEqual(volumes.map(({ name }) => name).toSorted())
  })

  test.for(workloads.filter(({ name }) => name !== 'longhaul-redis'))('$name runs a command that there is', ({ template }) => {
    const [command, ...args] = template.spec.containers[0].args
    const parsed = command === 'worker' ? workerCommand(args) : sweepCommand(args)
    expect(['worker', 'sweep']).toContain(command)
    // The service's name.
    expect(parsed?.redis).toBe('redis://longhaul-redis:6379')
  })
})

test('the image starts the command line as a user who is not root', () => {
  const lines = readFileSync(join(folder, 'Dockerfile'), 'utf8').split('\n')
  expect(lines).toContain('ENTRYPOINT ["node", "src/main.ts"]')
  expect(lines).toContain('USER 1000:1000')
})

test.for([
  { args: [], says: '--redis expects' },
  { args: ['--redis', 'redis://localhost', '--concurrency', '0'], says: '--concurrency expects' },
  { args: ['--redis', 'redis://localhost', '--seeds', '1..2'], says: '--seeds' },
])('worker $args is refused', ({ args, says }) => {
  expect(() => workerCommand(args)).toThrow(says)
})

test.for([
  { args: [], says: '--seeds expects' },
  { args: ['--seeds', '9..1'], says: '--seeds expects' },
  { args: ['--seeds', '1..10001'], says: 'at most 10000' },
  { args: ['--seeds', '1..2', '--jobs', 'many'], says: '--jobs expects' },
  { args: ['--seeds', '1..2', '--redis', 'redis://:hush@localhost'], says: '--redis expects' },
  { args: ['--seeds', '1..2', '--id', '../runs'], says: "not a sweep's id" },
  { args: ['--resume', 'no-such-sweep'], says: 'there is no sweep no-such-sweep' },
  { args: ['--resume', 'some-sweep', '--duration-minutes', '3'], says: '--duration-minutes has no place beside it' },
  { args: ['--resume', 'some-sweep', '--fresh'], says: '--fresh has no place beside it' },
  { args: ['--seeds', '1..2', '--parts', 'fixtures/defects/no-such-part.ts'], says: 'there is no module fixtures/defects/no-such-part.ts' },
  { args: ['--seeds', '1..2', '--seed', '3'], says: '--seed' },
])('sweep $args is refused', ({ args, says }) => {
  expect(() => sweepCommand(args)).toThrow(says)
})

test('a sweep is named by scenario, seeds and config, and its engines need no server', () => {
  const command = sweepCommand(['--seeds', '1..1000', '--swarm', 'on'])
  expect(command?.facts.id).toMatch(/^s1-1-1000-[0-9a-f]{8}$/)
  expect(command?.loaded.config.redis.mode).toBe('off')
  expect(sweepCommand(['--seeds', '1..1000'])?.facts.id).not.toBe(command?.facts.id)
})
