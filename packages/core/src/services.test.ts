import 'reflect-metadata';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { container as rootContainer, instanceCachingFactory } from 'tsyringe';
import { describe, expect, it } from 'vitest';
import { CLOCK, type Clock } from './clock.ts';
import type { PipelineOptions } from './options.ts';
import { createPipeline } from './pipeline.ts';
import { definePlugin, type Plugin } from './plugin.ts';
import { RANDOM } from './random.ts';
import { provide } from './services.ts';
import { fakeClock } from './testing/fake-clock.ts';
import { fakeRandom } from './testing/fake-random.ts';
import { scriptedTransport } from './testing/scripted-transport.ts';
import { type Needs, type Resolved, token, type Token } from './token.ts';
import { TRANSPORT } from './transport/transport.ts';

const upstream = 'https://upstream.test';

/** A plugin that hands out what it was given. */
function taking<N extends Needs>(
  needs: N,
  take: (services: Resolved<N>) => void = () => undefined,
  name = 'taking',
): Plugin {
  return definePlugin<object, object, N>({
    name,
    needs,
    create: (_, services) => {
      take(services);
      return { handle: (request, next) => next(request) };
    },
  })({});
}

function resolved<N extends Needs>(needs: N, options: Partial<PipelineOptions> = {}): Resolved<N> {
  let services: Resolved<N> | undefined;
  createPipeline({ upstream, plugins: [taking(needs, (given) => (services = given))], ...options });
  return services as Resolved<N>;
}

const complaint = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return (error as Error).message;
  }
  return expect.unreachable();
};

class Store {
  static made = 0;
  readonly id = ++Store.made;
  readonly clock: Clock | undefined;
  constructor(clock?: Clock) {
    this.clock = clock;
  }
}
const STORE: Token<Store> = token('store', {
  needs: { clock: CLOCK },
  create: ({ clock }) => new Store(clock),
});
const REQUIRED = token<Store>('required-store');

describe('where a service comes from', () => {
  const source = (options: Partial<PipelineOptions>, name = 'store') =>
    createPipeline({ upstream, plugins: [taking({ store: STORE })], ...options })
      .describe()
      .services.find((service) => service.name === name)?.source;

  it('its embedded default, built with the services that this needs', () => {
    const clock = fakeClock();
    const { store } = resolved({ store: STORE }, { services: [provide(CLOCK, () => clock)] });
    expect(store.clock).toBe(clock);
    expect(source({})).toBe('embedded');
    expect(source({}, 'transport')).toBe('embedded');
  });

  it('provide(), everywhere in the pipeline, with needs of its own', () => {
    const mine = { id: 7 };
    const OTHER = token('other', {
      needs: { store: STORE },
      create: ({ store }: { store: Store }) => ({ store }),
    });
    const services = [
      provide(STORE, ({ clock }: { clock: Clock }) => ({ ...mine, clock }), { clock: CLOCK }),
    ];
    const { store, other, clock } = resolved({ store: STORE, other: OTHER, clock: CLOCK }, { services });
    expect(store).toEqual({ ...mine, clock });
    expect(other.store).toBe(store);
    expect(source({ services })).toBe('provided');
  });

  it("the user's container: a value", () => {
    const clock = fakeClock();
    const container = rootContainer.createChildContainer();
    container.register(CLOCK, { useValue: clock });
    expect(resolved({ clock: CLOCK }, { container }).clock).toBe(clock);
    expect(source({ container }, 'clock')).toBe('container');
  });

  it("the user's container: a factory, a singleton class, an alias, a parent container", () => {
    const parent = rootContainer.createChildContainer();
    const container = parent.createChildContainer();
    parent.registerInstance('id', 7);
    parent.register(STORE, {
      useFactory: instanceCachingFactory((c) => Object.assign(new Store(), { id: c.resolve('id') })),
    });
    expect(resolved({ store: STORE }, { container }).store.id).toBe(7);

    class Own extends Store {}
    container.registerSingleton(REQUIRED, Own);
    const { store } = resolved({ store: REQUIRED }, { container });
    expect(store).toBeInstanceOf(Own);
    expect(container.resolve(REQUIRED)).toBe(store);
    expect(resolved({ store: REQUIRED }, { container }).store).toBe(store);

    const ALIAS = token<Store>('alias');
    container.register(ALIAS, { useToken: REQUIRED });
    expect(resolved({ store: ALIAS }, { container }).store).toBe(store);
  });

  it("the user's container wins over embedded defaults and yields to provide()", () => {
    const container = rootContainer.createChildContainer();
    const [theirs, given] = [new Store(), new Store()];
    container.register(STORE, { useValue: theirs });
    expect(resolved({ store: STORE }, { container }).store).toBe(theirs);
    expect(resolved({ store: STORE }, { container, services: [provide(STORE, () => given)] }).store).toBe(
      given,
    );
    expect(source({ container, services: [provide(STORE, () => given)] })).toBe('provided');
  });

  it('a transport of the container takes the place of the embedded one', async () => {
    const transport = scriptedTransport(new Response('{}', { status: 404 }));
    const container = rootContainer.createChildContainer();
    container.register(TRANSPORT, { useValue: transport });
    await using pipeline = createPipeline({ upstream, container });
    expect(await (await pipeline.fetch('https://x/v1/messages')).text()).toBe('{}');
    expect(transport.requests).toHaveLength(1);
  });

  it('leaves no trace in a container of the user, nor in the root container', () => {
    const container = rootContainer.createChildContainer();
    resolved({ store: STORE }, { container });
    for (const each of [container, rootContainer]) {
      expect([STORE, CLOCK, RANDOM, TRANSPORT].filter((one) => each.isRegistered(one, true))).toEqual([]);
    }
  });
});

describe('how often a service is made', () => {
  it('once per pipeline, however many need it', () => {
    const before = Store.made;
    const seen: Store[] = [];
    const plugin = (name: string): Plugin => taking({ store: STORE }, ({ store }) => seen.push(store), name);
    const OTHER = token('other', {
      needs: { store: STORE },
      create: ({ store }: { store: Store }) => seen.push(store),
    });
    createPipeline({
      upstream,
      plugins: [plugin('a'), plugin('b'), taking({ other: OTHER }, undefined, 'c')],
    });
    expect(seen).toHaveLength(3);
    expect(new Set(seen).size).toBe(1);
    expect(Store.made - before).toBe(1);
    resolved({ store: STORE });
    expect(Store.made - before).toBe(2);
  });

  it('once per pipeline although the container would make one each time', () => {
    const before = Store.made;
    const container = rootContainer.createChildContainer();
    container.register(STORE, { useFactory: () => new Store() });
    const seen: Store[] = [];
    const plugin = (name: string): Plugin => taking({ store: STORE }, ({ store }) => seen.push(store), name);
    createPipeline({ upstream, plugins: [plugin('a'), plugin('b')], container });
    expect(seen[0]).toBe(seen[1]);
    expect(Store.made - before).toBe(1);
  });

  it('never when nobody needs it', () => {
    let made = 0;
    createPipeline({
      upstream,
      services: [
        provide(STORE, () => {
          made++;
          return new Store();
        }),
      ],
    });
    expect(made).toBe(0);
  });

  it('only while the pipeline is made: a call resolves nothing', async () => {
    const container = rootContainer.createChildContainer();
    let resolutions = 0;
    container.register(TRANSPORT, { useValue: scriptedTransport(new Response('{}', { status: 404 })) });
    container.register(STORE, { useFactory: () => new Store() });
    for (const one of [STORE, TRANSPORT]) container.beforeResolution(one, () => resolutions++);
    await using pipeline = createPipeline({ upstream, plugins: [taking({ store: STORE })], container });
    expect(resolutions).toBe(2);
    await (await pipeline.fetch('https://x/v1/messages')).text();
    expect(resolutions).toBe(2);
  });
});

describe('what cannot be assembled', () => {
  const assemble = (needs: Needs, options: Partial<PipelineOptions> = {}) =>
    complaint(() => resolved(needs, options));

  it('a service that nothing provides', () => {
    expect(assemble({ store: REQUIRED })).toBe(
      'plugin "taking" needs the service "required-store", and nothing provides it; add provide(…) for it to services.',
    );
    const OUTER = token('outer', { needs: { store: REQUIRED }, create: () => ({}) });
    expect(assemble({ outer: OUTER })).toMatch(
      /^service "outer" needs the service "required-store", and nothing provides it/,
    );
  });

  it('a need without a token, as a wrong import makes it', () => {
    const sentence = ' names no token for its need "store"; make one with token() and check its import.';
    expect(assemble({ store: undefined } as unknown as Needs)).toBe(`plugin "taking"${sentence}`);
    expect(assemble({ store: 'store' } as unknown as Needs)).toBe(`plugin "taking"${sentence}`);
    const services = [provide(STORE, () => new Store(), { store: undefined } as unknown as Needs)];
    expect(assemble({ store: STORE }, { services })).toBe(`service "store"${sentence}`);
  });

  it('services that need each other, of any size, told by their names', () => {
    const size = 200;
    const tokens = Array.from({ length: size }, (_, i) => token<object>(`s${i}`));
    const services = tokens.map((one, i) =>
      provide(one, () => ({}), { next: tokens[(i + 1) % size] as typeof one }),
    );
    expect(assemble({ first: tokens[0] as (typeof tokens)[0] }, { services })).toBe(
      `services need each other in a circle: ${[...tokens, tokens[0]].map((one) => one?.description).join(' → ')}; one of them must do without the next.`,
    );
    const SELF = token<object>('self');
    expect(assemble({ self: SELF }, { services: [provide(SELF, () => ({}), { self: SELF })] })).toMatch(
      /: self → self;/,
    );
  });

  it('nothing is made when something is missing', () => {
    const before = Store.made;
    assemble({ store: STORE, missing: REQUIRED });
    expect(Store.made).toBe(before);
  });

  it('a diamond of services is no circle', () => {
    const BASE = token('base', { create: () => ({}) });
    const [LEFT, RIGHT] = ['left', 'right'].map((name) =>
      token(name, { needs: { base: BASE }, create: ({ base }: { base: object }) => ({ base }) }),
    );
    const { left, right } = resolved({ left: LEFT as typeof BASE, right: RIGHT as typeof BASE });
    expect(left).toEqual(right);
  });

  it.each([
    ['undefined', () => undefined, 'service "store" was made as undefined; return it from its factory.'],
    ['null', () => null, 'service "store" was made as null; return it from its factory.'],
    [
      'a promise',
      async () => {
        throw new Error('later');
      },
      'service "store" was made as a promise; make it synchronously and open connections in its start().',
    ],
  ])('a factory that returns %s', async (_, create, sentence) => {
    expect(assemble({ store: STORE }, { services: [provide(STORE, create as never)] })).toBe(sentence);
    const container = rootContainer.createChildContainer();
    container.register(STORE, { useFactory: create as never });
    expect(assemble({ store: STORE }, { container })).toBe(sentence);
    await nextTurn(); // An unhandled rejection would end the run.
  });

  it('a factory that throws is heard as it is', () => {
    expect(() =>
      resolved(
        { store: STORE },
        {
          services: [
            provide(STORE, () => {
              throw new RangeError('no port');
            }),
          ],
        },
      ),
    ).toThrow(new RangeError('no port'));
  });

  it("what the user's container cannot build: in one sentence, with its own error as the cause", () => {
    const container = rootContainer.createChildContainer();
    container.register(STORE, { useToken: REQUIRED });
    expect(assemble({ store: STORE }, { container })).toBe(
      'service "store" cannot be resolved from the container: Attempted to resolve unregistered dependency token: "Symbol(required-store)".',
    );
    container.register(REQUIRED, { useFactory: (c) => c.resolve(STORE) });
    expect(assemble({ store: STORE }, { container })).toBe(
      'service "store" cannot be resolved from the container: Maximum call stack size exceeded.',
    );
  });

  it('what is no service or no container', () => {
    const isNone = 'createPipeline: option "services.0": is no service; make it with provide(TOKEN, create).';
    for (const service of [STORE, {}, null, new Store(), provide(undefined as never, () => new Store())]) {
      expect(complaint(() => createPipeline({ upstream, services: [service as never] }))).toBe(isNone);
    }
    for (const container of [null, {}, new Map()]) {
      expect(complaint(() => createPipeline({ upstream, container: container as never }))).toBe(
        'createPipeline: option "container": must be a tsyringe container.',
      );
    }
  });
});

describe('start and close', () => {
  const log: string[] = [];
  const part = (name: string) => ({
    start: () => void log.push(`start ${name}`),
    close: () => void log.push(`close ${name}`),
  });

  it('reach what the pipeline made, dependencies first, plugins after services, and in reverse', async () => {
    const BASE = token('base', { create: () => part('base') });
    const UPPER = token('upper', { needs: { base: BASE }, create: () => part('upper') });
    const PROVIDED = token<object>('provided');
    const plugin = (name: string, needs: Needs): Plugin =>
      definePlugin({
        name,
        needs,
        create: () => ({ ...part(name), handle: (request, next) => next(request) }),
      })();
    const transport = { ...scriptedTransport(), close: async () => void log.push('close transport') };
    const pipeline = createPipeline({
      upstream,
      plugins: [plugin('first', { upper: UPPER }), plugin('second', { provided: PROVIDED, base: BASE })],
      services: [provide(PROVIDED, () => part('provided')), provide(TRANSPORT, () => transport)],
    });
    log.length = 0;
    await pipeline.start();
    expect(log).toEqual(['start base', 'start upper', 'start provided', 'start first', 'start second']);
    log.length = 0;
    await pipeline.close();
    expect(log).toEqual([
      'close second',
      'close first',
      'close provided',
      'close upper',
      'close base',
      'close transport',
    ]);
  });

  it('do not reach what came from a container of the user', async () => {
    const container = rootContainer.createChildContainer();
    container.register<object>(STORE, { useValue: part('their store') });
    container.register<object>(CLOCK, { useValue: { ...fakeClock(), ...part('their clock') } });
    container.register<object>(RANDOM, { useValue: { ...fakeRandom(), ...part('their random') } });
    const pipeline = createPipeline({ upstream, plugins: [taking({ store: STORE })], container });
    log.length = 0;
    await pipeline.start();
    await pipeline.close();
    expect(log).toEqual([]);
  });

  it('do not reach a transport of a container of the user', async () => {
    const transport = scriptedTransport();
    const container = rootContainer.createChildContainer();
    container.register(TRANSPORT, { useValue: transport });
    await createPipeline({ upstream, container }).close();
    expect(transport.closed).toBe(false);
  });
});
