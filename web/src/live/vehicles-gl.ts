// Vehicles by WebGL2: a canvas of its own above the map, drawn at every picture while the map below stays as it is.
//
// Positions between frames are reckoned by the vertex shader from where a vehicle was and where it is, so that a picture costs one
// draw call; only a frame uploads anything. From far off vehicles are points, from near shapes of their size.

import { KINS, rgb, type Palette, type Shape } from './classes';
import { STRIDE, type Fleet } from './fleet';
import type { Look } from './geo';
import { CONTEXT, fit, program, uniforms } from './gl';

/** From this zoom on vehicles are shapes. */
export const SHAPES_ZOOM = 15.4;

/** A ring around a vehicle, in tiles from the origin. */
export interface Halo {
  x: number;
  y: number;
  /** Across [CSS px]. */
  size: number;
  colour: [number, number, number];
  strength: number;
}

export interface Vehicles {
  readonly kind: 'webgl2' | '2d';
  theme(palette: Palette): void;
  resize(width: number, height: number, ratio: number): void;
  upload(fleet: Fleet): void;
  draw(look: Look, fleet: Fleet, now: number, halos: Halo[], blink: boolean): void;
  destroy(): void;
}

const COMMON = `
layout(location = 0) in vec4 a_way;
layout(location = 1) in uvec4 a_state;
uniform float u_t;
uniform vec3 u_look;
uniform vec2 u_view;
uniform vec3 u_kins[8];
uniform int u_kin[32];
uniform vec2 u_size[32];
uniform vec3 u_siren[2];
uniform int u_blink;
const float TURN = 0.024543692606;
vec2 place(out float heading) {
  float h0 = float(a_state.x);
  float turn = mod(float(a_state.y) - h0 + 128.0, 256.0) - 128.0;
  heading = (h0 + turn * u_t) * TURN;
  vec2 from = a_way.xy;
  vec2 to = a_way.zw;
  float u = h0 * TURN;
  float v = float(a_state.y) * TURN;
  vec2 ahead0 = vec2(sin(u), -cos(u));
  vec2 ahead1 = vec2(sin(v), -cos(v));
  float d = distance(from, to);
  if (abs(turn) < 6.0 || min(dot(to - from, ahead0), dot(to - from, ahead1)) < 0.3 * d) return mix(from, to, u_t);
  float t2 = u_t * u_t;
  float t3 = t2 * u_t;
  return (2.0 * t3 - 3.0 * t2 + 1.0) * from + (t3 - 2.0 * t2 + u_t) * d * ahead0
    + (3.0 * t2 - 2.0 * t3) * to + (t3 - t2) * d * ahead1;
}
vec4 clip(vec2 px) {
  return vec4(px.x / u_view.x * 2.0 - 1.0, 1.0 - px.y / u_view.y * 2.0, 0.0, 1.0);
}
vec3 colour(int kind) {
  vec3 own = u_kins[u_kin[kind & 31]];
  return (kind & 32) != 0 && u_blink == 1 ? u_siren[0] : own;
}
`;

/** Points are drawn by the ten thousand, so their shader does as little as can be: a line between two places, and a colour. */
const POINTS = `
layout(location = 0) in vec4 a_way;
layout(location = 2) in vec4 a_paint;
uniform float u_t;
uniform vec4 u_clip;
uniform float u_dot;
flat out vec3 v_colour;
void main() {
  gl_Position = a_paint.a == 0.0 ? vec4(2.0, 2.0, 0.0, 1.0) : vec4(mix(a_way.xy, a_way.zw, u_t) * u_clip.xy + u_clip.zw, 0.0, 1.0);
  gl_PointSize = a_paint.a * u_dot;
  v_colour = a_paint.rgb;
}`;

const POINTS_PAINT = `
flat in vec3 v_colour;
out vec4 o_colour;
void main() {
  o_colour = vec4(v_colour, 1.0);
}`;

const SHAPES = `${COMMON}
uniform float u_metre;
uniform float u_least;
out vec2 v_at;
flat out vec2 v_half;
flat out vec3 v_colour;
flat out int v_flags;
void main() {
  int kind = int(a_state.z);
  float heading;
  vec2 front = place(heading) * u_look.x + u_look.yz;
  vec2 size = u_size[kind & 31] * u_metre;
  // Never smaller than can be seen, and then as long for its width as it is.
  float grow = max(1.0, u_least / size.y);
  size *= vec2(min(grow, max(1.0, u_least * 2.2 / size.x)), grow);
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0 - 1.0;
  vec2 ahead = vec2(sin(heading), -cos(heading));
  vec2 right = vec2(-ahead.y, ahead.x);
  vec2 grown = size * 0.5 + 1.0;
  vec2 px = front - ahead * size.x * 0.5 + ahead * corner.x * grown.x + right * corner.y * grown.y;
  gl_Position = kind == 255 ? vec4(2.0, 2.0, 0.0, 1.0) : clip(px);
  v_at = corner * grown;
  v_half = size * 0.5;
  v_colour = colour(kind);
  v_flags = (kind & 96) | (u_kin[kind & 31] << 8) | (a_state.w == 0u ? 1 : 0) | (u_blink << 1);
}`;

const SHAPES_PAINT = `
in vec2 v_at;
flat in vec2 v_half;
flat in vec3 v_colour;
flat in int v_flags;
uniform vec3 u_edge;
uniform vec3 u_glass;
uniform vec3 u_siren2[2];
uniform float u_ratio;
out vec4 o_colour;
void main() {
  int kin = v_flags >> 8;
  float round_by = kin == 4 ? v_half.y : min(v_half.y * 0.55, v_half.x * 0.5);
  vec2 q = abs(v_at) - v_half + round_by;
  float d = length(max(q, 0.0)) + min(max(q.x, q.y), 0.0) - round_by;
  float soft = 0.7 / u_ratio;
  float cover = 1.0 - smoothstep(-soft, soft, d - 0.6);
  if (cover < 0.02) discard;
  vec3 own = v_colour;
  float along = v_at.x / v_half.x;
  if (v_half.x > 5.0 && kin != 3 && kin != 4) {
    float glass = kin == 1 || kin == 5 ? step(0.80, along) * step(along, 0.93) : step(0.30, along) * step(along, 0.58);
    if (kin == 0) glass += step(-0.72, along) * step(along, -0.58);
    own = mix(own, u_glass, glass * step(abs(v_at.y), v_half.y * 0.78));
    if (kin == 6 && (v_flags & 32) != 0) {
      float bar = step(-0.02, along) * step(along, 0.16);
      bool left = v_at.y < 0.0;
      bool lit = ((v_flags & 2) != 0) == left;
      own = mix(own, lit ? u_siren2[0] : u_siren2[1], bar);
    }
  }
  // Brake lights of whoever stands.
  if ((v_flags & 1) != 0 && v_half.x > 4.0 && kin != 4 && along < -0.86) own = mix(own, vec3(1.0, 0.25, 0.2), 0.85);
  vec3 mixed = mix(own, u_edge, smoothstep(-soft, soft, d + 0.3));
  o_colour = vec4(mixed * cover, cover);
}`;

const HALOS = `
layout(location = 0) in vec4 a_spot;
layout(location = 1) in vec4 a_look;
uniform vec3 u_look;
uniform vec2 u_view;
uniform float u_ratio;
flat out vec4 v_look;
flat out float v_size;
void main() {
  vec2 px = a_spot.xy * u_look.x + u_look.yz;
  gl_Position = vec4(px.x / u_view.x * 2.0 - 1.0, 1.0 - px.y / u_view.y * 2.0, 0.0, 1.0);
  gl_PointSize = a_spot.z * u_ratio;
  v_size = a_spot.z * u_ratio;
  v_look = a_look;
}`;

const HALOS_PAINT = `
flat in vec4 v_look;
flat in float v_size;
out vec4 o_colour;
void main() {
  float r = length(gl_PointCoord - 0.5) * v_size;
  float edge = v_size * 0.5 - 1.5;
  float ring = 1.0 - smoothstep(0.0, 1.6, abs(r - edge + 1.0));
  float glow = (1.0 - smoothstep(0.0, edge, r)) * 0.22 + (1.0 - step(edge, r)) * 0.10;
  float a = max(ring, glow) * v_look.a;
  o_colour = vec4(v_look.rgb * a, a);
}`;

/** Diameter of a point [CSS px] at a zoom. */
export function dotAt(zoom: number): number {
  if (zoom <= 11) return 1.4;
  if (zoom <= 13) return 1.4 + (zoom - 11) * 0.45;
  return 2.3 + (zoom - 13) * 0.75;
}

const HALOS_MAX = 256;

export class GlVehicles implements Vehicles {
  readonly kind = 'webgl2' as const;
  readonly #gl: WebGL2RenderingContext;
  #points!: WebGLProgram;
  #shapes!: WebGLProgram;
  #halos!: WebGLProgram;
  #of!: Record<'points' | 'shapes' | 'halos', (name: string) => WebGLUniformLocation | null>;
  #buffer!: WebGLBuffer;
  #ring!: WebGLBuffer;
  #asPoints!: WebGLVertexArrayObject;
  #asShapes!: WebGLVertexArrayObject;
  #asHalos!: WebGLVertexArrayObject;
  #room = 0;
  #ratio = 1;
  #width = 1;
  #height = 1;
  #palette: Palette;
  #fleet: Fleet | null = null;
  readonly #kin = new Int32Array(32);
  readonly #size = new Float32Array(64);
  readonly #ringData = new Float32Array(HALOS_MAX * 8);

  constructor(
    private readonly canvas: HTMLCanvasElement,
    palette: Palette,
    shapes: Shape[],
  ) {
    const gl = canvas.getContext('webgl2', CONTEXT);
    if (!gl) throw new Error('there is no WebGL2');
    this.#gl = gl;
    this.#palette = palette;
    for (let i = 0; i < 32; i += 1) {
      const shape = shapes[i];
      this.#kin[i] = KINS.indexOf(shape?.kin ?? 'other');
      this.#size[2 * i] = shape?.length ?? 4.6;
      this.#size[2 * i + 1] = shape?.width ?? 1.8;
    }
    canvas.addEventListener('webglcontextlost', this.#lost);
    canvas.addEventListener('webglcontextrestored', this.#back);
    this.#make();
  }

  #lost = (event: Event): void => event.preventDefault();

  #back = (): void => {
    this.#room = 0;
    this.#make();
    if (this.#fleet) this.upload(this.#fleet);
  };

  #make(): void {
    const gl = this.#gl;
    this.#points = program(gl, POINTS, POINTS_PAINT);
    this.#shapes = program(gl, SHAPES, SHAPES_PAINT);
    this.#halos = program(gl, HALOS, HALOS_PAINT);
    this.#of = { points: uniforms(gl, this.#points), shapes: uniforms(gl, this.#shapes), halos: uniforms(gl, this.#halos) };
    this.#buffer = gl.createBuffer();
    this.#ring = gl.createBuffer();
    const array = (divisor: number): WebGLVertexArrayObject => {
      const made = gl.createVertexArray();
      gl.bindVertexArray(made);
      gl.bindBuffer(gl.ARRAY_BUFFER, this.#buffer);
      gl.enableVertexAttribArray(0);
      gl.vertexAttribPointer(0, 4, gl.FLOAT, false, STRIDE, 0);
      gl.enableVertexAttribArray(1);
      gl.vertexAttribIPointer(1, 4, gl.UNSIGNED_BYTE, STRIDE, 16);
      gl.enableVertexAttribArray(2);
      gl.vertexAttribPointer(2, 4, gl.UNSIGNED_BYTE, true, STRIDE, 20);
      gl.vertexAttribDivisor(2, divisor);
      gl.vertexAttribDivisor(0, divisor);
      gl.vertexAttribDivisor(1, divisor);
      return made;
    };
    this.#asPoints = array(0);
    this.#asShapes = array(1);
    this.#asHalos = gl.createVertexArray();
    gl.bindVertexArray(this.#asHalos);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#ring);
    gl.bufferData(gl.ARRAY_BUFFER, this.#ringData.byteLength, gl.DYNAMIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 4, gl.FLOAT, false, 32, 0);
    gl.enableVertexAttribArray(1);
    gl.vertexAttribPointer(1, 4, gl.FLOAT, false, 32, 16);
    gl.bindVertexArray(null);
    this.#fixed();
  }

  /** Uniforms that only a theme changes. */
  #fixed(): void {
    const gl = this.#gl;
    const colours = new Float32Array(KINS.flatMap((kin) => rgb(this.#palette.kins[kin])));
    const siren = new Float32Array(this.#palette.siren.flatMap(rgb));
    const of = this.#of.shapes;
    gl.useProgram(this.#shapes);
    gl.uniform3fv(of('u_kins[0]'), colours);
    gl.uniform1iv(of('u_kin[0]'), this.#kin);
    gl.uniform2fv(of('u_size[0]'), this.#size);
    gl.uniform3fv(of('u_siren[0]'), siren);
    gl.uniform3fv(this.#of.shapes('u_edge'), rgb(this.#palette.edge));
    gl.uniform3fv(this.#of.shapes('u_glass'), rgb(this.#palette.glass));
    gl.uniform3fv(this.#of.shapes('u_siren2[0]'), siren);
  }

  theme(palette: Palette): void {
    this.#palette = palette;
    this.#fixed();
  }

  resize(width: number, height: number, ratio: number): void {
    this.#width = width;
    this.#height = height;
    this.#ratio = ratio;
    fit(this.canvas, width, height, ratio);
  }

  upload(fleet: Fleet): void {
    const gl = this.#gl;
    this.#fleet = fleet;
    const used = fleet.slots * STRIDE;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#buffer);
    if (this.#room !== fleet.bytes.byteLength) {
      gl.bufferData(gl.ARRAY_BUFFER, fleet.octets, gl.DYNAMIC_DRAW);
      this.#room = fleet.bytes.byteLength;
    } else if (used > 0) {
      gl.bufferSubData(gl.ARRAY_BUFFER, 0, fleet.octets, 0, used);
    }
  }

  draw(look: Look, fleet: Fleet, now: number, halos: Halo[], blink: boolean): void {
    const gl = this.#gl;
    if (gl.isContextLost()) return;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (this.#room > 0 && fleet.slots > 0) {
      const near = look.zoom >= SHAPES_ZOOM;
      const of = near ? this.#of.shapes : this.#of.points;
      gl.useProgram(near ? this.#shapes : this.#points);
      gl.uniform1f(of('u_t'), fleet.progress(now));
      if (near) {
        gl.uniform3f(of('u_look'), look.scale, look.left, look.top);
        gl.uniform2f(of('u_view'), this.#width, this.#height);
        gl.uniform1i(of('u_blink'), blink ? 1 : 0);
        gl.enable(gl.BLEND);
        gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
        gl.uniform1f(of('u_metre'), look.metre);
        gl.uniform1f(of('u_least'), 2.6);
        gl.uniform1f(of('u_ratio'), this.#ratio);
        gl.bindVertexArray(this.#asShapes);
        gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, fleet.slots);
      } else {
        // Points cover whole pixels and are not mixed with what is below: the cheapest there is without a graphics card.
        gl.disable(gl.BLEND);
        const [sx, sy] = [2 / this.#width, -2 / this.#height];
        gl.uniform4f(of('u_clip'), look.scale * sx, look.scale * sy, look.left * sx - 1, look.top * sy + 1);
        // Sizes come as hundredths in a byte that is read as a part of 1.
        gl.uniform1f(of('u_dot'), dotAt(look.zoom) * this.#ratio * 2.55);
        gl.bindVertexArray(this.#asPoints);
        gl.drawArrays(gl.POINTS, 0, fleet.slots);
      }
    }
    this.#drawHalos(look, halos);
    gl.bindVertexArray(null);
  }

  #drawHalos(look: Look, halos: Halo[]): void {
    const count = Math.min(HALOS_MAX, halos.length);
    if (count === 0) return;
    const gl = this.#gl;
    for (let i = 0; i < count; i += 1) {
      const halo = halos[i]!;
      this.#ringData.set([halo.x, halo.y, halo.size, 0, ...halo.colour, halo.strength], i * 8);
    }
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#ring);
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, this.#ringData, 0, count * 8);
    gl.useProgram(this.#halos);
    gl.uniform3f(this.#of.halos('u_look'), look.scale, look.left, look.top);
    gl.uniform2f(this.#of.halos('u_view'), this.#width, this.#height);
    gl.uniform1f(this.#of.halos('u_ratio'), this.#ratio);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.bindVertexArray(this.#asHalos);
    gl.drawArrays(gl.POINTS, 0, count);
  }

  destroy(): void {
    this.canvas.removeEventListener('webglcontextlost', this.#lost);
    this.canvas.removeEventListener('webglcontextrestored', this.#back);
    this.#gl.getExtension('WEBGL_lose_context')?.loseContext();
  }
}
