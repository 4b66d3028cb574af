// Deployments over HTTP: the image that a request names must be admitted, and goes on by its digest.

/** For Express: `app.post('/deployments', express.json(), admitted(verimage), deploy)`. */
export function admitted(verimage) {
  return async (request, response, next) => {
    try {
      const verdict = await verimage.verify(request.body.image);
      if (!verdict.allowed) return response.status(403).json(refusal(verdict));
      request.verdict = verdict;
      return next();
    } catch (error) {
      return next(error);
    }
  };
}

/** For Fastify: `fastify.post('/deployments', { preHandler: preHandler(verimage) }, deploy)`. */
export function preHandler(verimage) {
  return async (request, reply) => {
    const verdict = await verimage.verify(request.body.image);
    if (!verdict.allowed) return reply.code(403).send(refusal(verdict));
    request.verdict = verdict;
  };
}

const refusal = ({ image, code, message, hint }) => ({ image, code, message, hint });
