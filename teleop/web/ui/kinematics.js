// Where the joints of the arm are (KUKA LBR iiwa 14, origins of pybullet_data's kuka_iiwa model).

const HALF = Math.PI / 2;
// Per joint: origin (m) and fixed roll, pitch, yaw (rad) in the link before; axis is local z.
const JOINTS = [
  { at: [0, 0, 0.1575], rpy: [0, 0, 0] },
  { at: [0, 0, 0.2025], rpy: [HALF, 0, Math.PI] },
  { at: [0, 0.2045, 0], rpy: [HALF, 0, Math.PI] },
  { at: [0, 0, 0.2155], rpy: [HALF, 0, 0] },
  { at: [0, 0.1845, 0], rpy: [-HALF, Math.PI, 0] },
  { at: [0, 0, 0.2155], rpy: [HALF, 0, 0] },
  { at: [0, 0.081, 0], rpy: [-HALF, Math.PI, 0] },
];

function multiply(a, b) {
  return a.map((row) => b[0].map((_, j) => row.reduce((sum, v, k) => sum + v * b[k][j], 0)));
}

function rotationOf([roll, pitch, yaw]) {
  const [cr, sr, cp, sp, cy, sy] = [roll, pitch, yaw].flatMap((a) => [Math.cos(a), Math.sin(a)]);
  return [
    [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
    [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
    [-sp, cp * sr, cp * cr],
  ];
}

/** Rotate `v` by a 3x3 matrix. */
export function rotate(matrix, v) {
  return matrix.map((row) => row[0] * v[0] + row[1] * v[1] + row[2] * v[2]);
}

/** 3x3 matrix of a unit quaternion xyzw. */
export function quaternionMatrix([x, y, z, w]) {
  return [
    [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
    [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
    [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
  ];
}

/** Points from the base to the last joint, base frame (m), for 7 joint angles (rad). */
export function jointPoints(q) {
  let at = [0, 0, 0];
  let turn = rotationOf([0, 0, 0]);
  const points = [at];
  JOINTS.forEach((joint, i) => {
    const step = rotate(turn, joint.at);
    at = at.map((value, k) => value + step[k]);
    turn = multiply(multiply(turn, rotationOf(joint.rpy)), rotationOf([0, 0, q[i]]));
    points.push(at);
  });
  return points;
}
