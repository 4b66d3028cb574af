"""What an API server must say and store while the admission server is asked about images."""

import json

from trust_data import base64_text

SIGNED, UNSIGNED = "registry.example/p256:v1", "registry.example/unsigned:v1"
# The image of both: only the signature differs.
DIGEST = "sha256:efc9b55d045c8258a2c7ed223fe69b62bd063763e111f8ef682d10ee59e72136"
PINNED = f"{SIGNED}@{DIGEST}"
# Another one that is signed.
ANOTHER = "registry.example/p256-v3:v1"
SYSTEM = "verimage-system"
LABELS = {"app": "demo"}
FINALIZER, INJECT = "demo.example/keep", "demo.example/inject"
WEBHOOKS = ("mutatingwebhookconfiguration/verimage", "validatingwebhookconfiguration/verimage")
CHARTED_WEBHOOKS = ("--show-only=templates/mutating-webhook.yaml", "--show-only=templates/validating-webhook.yaml")


def pod_spec(image=SIGNED, **more):
    """A pod with one container."""
    return {"containers": [{"name": "main", "image": image}], **more}


def thing(kind, name, version="v1", **fields):
    """An object of the namespace `demo`."""
    metadata = {"name": name, "namespace": "demo", **fields.pop("metadata", {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}


def pod(name, image=SIGNED, metadata=None, **more):
    """A pod to be stored."""
    return thing("Pod", name, metadata=metadata or {}, spec=pod_spec(image, **more))


def template(image, **more):
    """What controllers make pods of."""
    return {"metadata": {"labels": LABELS}, "spec": pod_spec(image, **more)}


def workload(kind, image, name=None):
    """An object that pods are made from, of each kind there is."""
    name = name or f"{kind.lower()}-{'signed' if image == SIGNED else 'unsigned'}"
    once, chosen = template(image, restartPolicy="Never"), {"matchLabels": LABELS}
    if kind == "PodTemplate":
        return thing(kind, name, template=template(image))
    if kind == "ReplicationController":
        return thing(kind, name, spec={"selector": LABELS, "template": template(image)})
    if kind == "Job":
        return thing(kind, name, "batch/v1", spec={"template": once})
    if kind == "CronJob":
        return thing(kind, name, "batch/v1", spec={"schedule": "0 0 * * *", "jobTemplate": {"spec": {"template": once}}})
    more = {"serviceName": "demo"} if kind == "StatefulSet" else {}
    return thing(kind, name, "apps/v1", spec={"selector": chosen, "template": template(image), **more})


KINDS = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicationController", "PodTemplate")
PINNED_KINDS = {
    "Deployment": "{.spec.template.spec.containers[0].image}",
    "StatefulSet": "{.spec.template.spec.containers[0].image}",
    "DaemonSet": "{.spec.template.spec.containers[0].image}",
    "Job": "{.spec.template.spec.containers[0].image}",
    "CronJob": "{.spec.jobTemplate.spec.template.spec.containers[0].image}",
    "ReplicationController": "{.spec.template.spec.containers[0].image}",
    "PodTemplate": "{.template.spec.containers[0].image}",
}


def image_of(cluster, name, place="containers"):
    """The first image of a stored pod; None if there is none."""
    stored = cluster.kubectl.get(f"pod/{name}")
    return stored["spec"][place][0]["image"] if stored else None


def before(cluster):
    """What was there before anybody judged it."""
    cluster.must("create", "namespace", "demo")
    for name in ("old", "removed"):
        cluster.must("create", "-f", "-", content=pod(name, UNSIGNED, {"finalizers": [FINALIZER]}))
    cluster.must("create", "-f", "-", content=workload("Deployment", UNSIGNED, "old"))
    cluster.must("create", "-f", "-", content=workload("ReplicaSet", UNSIGNED, "old"))
    volume = [{"name": "data", "image": {"reference": SIGNED}}]
    cluster.must("create", "-f", "-", content=pod("tagged", volumes=volume))
    cluster.must("debug", "tagged", "--container=earlier", "--profile=general", f"--image={SIGNED}")


def release(cluster, files):
    """The chart is installed, upgraded and taken away."""
    replicas = ("get", "deployment", "verimage", f"--namespace={SYSTEM}", "-o", "jsonpath={.spec.replicas}")
    files.install("install", "--create-namespace")
    cluster.equal("helm install: the API server takes it", cluster.must(*replicas), "3")
    files.install("upgrade", "--set=replicas=5")
    cluster.equal("helm upgrade: the API server takes it", cluster.must(*replicas), "5")
    files.helm("uninstall", "verimage")
    left = [name for name in WEBHOOKS if cluster.kubectl.get(name)]
    cluster.equal("helm uninstall: no webhook is left", left, [])


def manifests(cluster, files):
    """The API server reads everything that cli/deploy gives it."""
    cluster.admitted("kustomize: the API server takes it", "apply", "--server-side", "-f", "-", content=files.kustomized())
    cluster.refused(
        "webhook without a server: refused",
        *("create", "-f", "-"),
        content=pod("too-early"),
        says=('failed calling webhook "pin.admission.verimage"',),
    )
    everything = ("webhook.pinTemplates=true", "registry.credentialsSecret=credentials", "image.pullSecrets={pull}")
    switches = [word for name in everything for word in ("--set", name)]
    authorities = ("--set-file", f"registry.authorities={files.certificates / 'ca.crt'}")
    chart = files.chart("other", *switches, *authorities)
    cluster.admitted(
        "chart: the API server takes it", "apply", "--server-side", "--dry-run=server", "-f", "-", content=chart
    )
    deployment = cluster.kubectl.get("deployment/verimage", f"--namespace={SYSTEM}")
    own = {"apiVersion": "v1", "kind": "Pod", **deployment["spec"]["template"]}
    own["metadata"] = {**own["metadata"], "name": "verimage", "namespace": SYSTEM}
    cluster.admitted("its own pod: admitted under the restricted standard", "create", "-f", "-", content=own)
    secrets(cluster, files)


def secrets(cluster, files):
    """What the server's account may read."""

    def may(verb, account):
        words = ("auth", "can-i", verb, "secrets", "--namespace=demo", f"--as=system:serviceaccount:{SYSTEM}:{account}")
        return cluster.kubectl.run(*words).stdout.decode().strip()

    reader = files.chart("reader", "--set", "imagePullSecrets.enabled=true", "--show-only", "templates/service-account.yaml")
    cluster.must("apply", "--server-side", "-f", "-", content=reader)
    cluster.equal("Secrets: the server may not read them", may("get", "verimage"), "no")
    cluster.equal("Secrets: with imagePullSecrets.enabled it may get one", may("get", "reader"), "yes")
    cluster.equal("Secrets: and not list them", may("list", "reader"), "no")


def pods(cluster):
    """Pods, and what is in them."""
    create = ("create", "-f", "-")
    cluster.admitted("pod, signed: admitted", *create, content=pod("signed"))
    cluster.equal("pod, signed: stored with the digest", image_of(cluster, "signed"), PINNED)
    denied = ('admission webhook "pin.admission.verimage" denied the request', UNSIGNED, "/spec/containers/0/image", "rule demo")
    cluster.refused(
        "pod, unsigned: denied in our words", *create, content=pod("unsigned", UNSIGNED), says=(*denied, "signature-not-found")
    )
    cluster.equal("pod, unsigned: not stored", image_of(cluster, "unsigned"), None)
    cluster.refused(
        "pod, tampered signature: denied",
        *create,
        content=pod("tampered", "registry.example/attack-tampered-signature:v1"),
        says=("signature-invalid",),
    )
    cluster.refused("pod, no rule: denied", *create, content=pod("x", "elsewhere.example/p256:v1"), says=("policy-no-match",))
    cluster.admitted("pod, digest: admitted", *create, content=pod("digest", f"registry.example/p256@{DIGEST}"))
    cluster.equal("pod, digest: stored as it is", image_of(cluster, "digest"), f"registry.example/p256@{DIGEST}")
    second = [{"name": "first", "image": UNSIGNED}]
    says = ("signature-not-found", "/spec/initContainers/0/image")
    cluster.refused("init container, unsigned: denied", *create, content=pod("init", initContainers=second), says=says)
    volume = [{"name": "data", "image": {"reference": UNSIGNED}}]
    says = ("signature-not-found", "/spec/volumes/0/image/reference")
    cluster.refused("image volume, unsigned: denied", *create, content=pod("volume", volumes=volume), says=says)
    volume = [{"name": "data", "image": {"reference": SIGNED}}]
    cluster.admitted("image volume, signed: admitted", *create, content=pod("volume", volumes=volume))
    stored = cluster.kubectl.get("pod/volume")["spec"]["volumes"][0]["image"]["reference"]
    cluster.equal("image volume, signed: stored with the digest", stored, PINNED)
    cluster.admitted(
        "audit: admitted with a warning",
        *create,
        content=pod("audited", "audited.example/unsigned:v1"),
        says=("Warning: audited.example/unsigned:v1: rule audited would deny this image: signature-not-found",),
    )
    cluster.equal("audit: not pinned", image_of(cluster, "audited"), "audited.example/unsigned:v1")
    system = pod("unsigned", UNSIGNED)
    system["metadata"]["namespace"] = "kube-system"
    cluster.admitted("excluded namespace: admitted without a look", *create, content=system)
    cluster.refused(
        "registry that hangs: denied within the deadline", *create, content=pod("x", "silent.example/p256:v1"), says=("deadline-exceeded",)
    )
    dry = ("create", "--dry-run=server", "-o", "jsonpath={.spec.containers[0].image}", "-f", "-")
    cluster.equal("dry run, signed: shows the digest", cluster.admitted("dry run, signed: admitted", *dry, content=pod("dry")), PINNED)
    cluster.equal("dry run: nothing is stored", image_of(cluster, "dry"), None)
    cluster.refused("dry run, unsigned: denied", *dry, content=pod("dry", UNSIGNED))
    debug = ("debug", "signed", "--container=debugger", "--profile=general")
    says = ("signature-not-found", "/spec/ephemeralContainers/0/image")
    cluster.refused("kubectl debug, unsigned: denied", *debug, f"--image={UNSIGNED}", says=says)
    cluster.admitted("kubectl debug, signed: admitted", *debug, f"--image={SIGNED}")
    cluster.equal("kubectl debug, signed: stored with the digest", image_of(cluster, "signed", "ephemeralContainers"), PINNED)


def other_webhooks(cluster, injector, authority):
    """A webhook whose turn comes later adds a container."""
    rule = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
    webhook = {
        "name": "later.demo.example",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "clientConfig": {"url": f"https://{injector.address}/", "caBundle": base64_text(authority.read_bytes())},
        "rules": [rule],
    }
    kind = "MutatingWebhookConfiguration"
    later = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": "zz-later"}, "webhooks": [webhook]}
    cluster.must("create", "-f", "-", content=later)
    create = ("create", "-f", "-")
    says = ("signature-not-found", "/spec/containers/1/image")
    cluster.refused(
        "later webhook adds an unsigned container: denied",
        *create,
        content=pod("injected", metadata={"annotations": {INJECT: UNSIGNED}}),
        says=says,
    )
    cluster.admitted(
        "later webhook adds a signed container: admitted",
        *create,
        content=pod("injected", metadata={"annotations": {INJECT: SIGNED}}),
    )
    images = [container["image"] for container in cluster.kubectl.get("pod/injected")["spec"]["containers"]]
    cluster.equal("later webhook adds a signed container: both have the digest", images, [PINNED, PINNED])
    cluster.must("delete", "mutatingwebhookconfiguration", "zz-later")


def workloads(cluster):
    """Whatever pods are made from."""
    for kind in KINDS:
        cluster.admitted(f"{kind}, signed: admitted", "create", "-f", "-", content=workload(kind, SIGNED))
        cluster.refused(f"{kind}, unsigned: denied", "create", "-f", "-", content=workload(kind, UNSIGNED))
    written = cluster.must("get", "deployment", "deployment-signed", "-o", f"jsonpath={PINNED_KINDS['Deployment']}")
    cluster.equal("Deployment: stored as it was written", written, SIGNED)


def changes(cluster):
    """What is there already."""
    cluster.admitted("signed pod, other labels: admitted", "label", "pod", "signed", "stage=test")
    cluster.refused("signed pod, another image: denied", "set", "image", "pod/signed", f"main={UNSIGNED}")
    cluster.refused("Deployment, another image: denied", "set", "image", "deployment/deployment-signed", f"main={UNSIGNED}")
    cluster.admitted("unsigned Deployment of before: may be scaled down", "scale", "deployment", "old", "--replicas=0")
    # As the controller of a Deployment does it, while it goes over to another ReplicaSet.
    scaled = [json.dumps({"spec": {"replicas": replicas}}) for replicas in (0, 2)]
    cluster.admitted("unsigned ReplicaSet of before: its controller scales it down", "patch", "replicaset", "old", f"--patch={scaled[0]}")
    cluster.refused("unsigned ReplicaSet of before: it is not scaled up", "patch", "replicaset", "old", f"--patch={scaled[1]}")
    cluster.admitted("signed pod of before, other labels: admitted", "label", "pod", "tagged", "stage=test")
    cluster.equal("signed pod of before, other labels: no container starts anew", image_of(cluster, "tagged"), SIGNED)
    debug = ("debug", "tagged", "--container=later", "--profile=general")
    cluster.admitted("signed pod of before: kubectl debug", *debug, f"--image={SIGNED}")
    added = [container["image"] for container in cluster.kubectl.get("pod/tagged")["spec"]["ephemeralContainers"]]
    cluster.equal("signed pod of before: kubectl debug pins what is new", added, [SIGNED, PINNED])
    cluster.admitted("signed pod of before, another image: admitted", "set", "image", "pod/tagged", f"main={ANOTHER}")
    cluster.equal("signed pod of before, another image: has the digest", image_of(cluster, "tagged"), f"{ANOTHER}@{DIGEST}")
    cluster.admitted("unsigned pod of before, other labels: nothing else runs, admitted", "label", "pod", "old", "stage=test")
    other = "main=registry.example/unsigned:v2"
    cluster.refused("unsigned pod of before, another tag: denied", "set", "image", "pod/old", other, says=("image-not-found",))
    cluster.admitted("unsigned pod of before: may be deleted", "delete", "pod", "removed", "--wait=false")
    marked = cluster.kubectl.get("pod/removed")
    cluster.equal("finalizer: it is marked and still there", "deletionTimestamp" in (marked or {}).get("metadata", {}), True)
    done = {"metadata": {"finalizers": None}}
    other = {**done, "spec": {"containers": [{"name": "main", "image": "registry.example/unsigned:v2"}]}}
    cluster.refused(
        "finalizer, and another image: denied", "patch", "pod", "removed", f"--patch={json.dumps(other)}", says=("image-not-found",)
    )
    cluster.admitted("finalizer alone: may be taken away", "patch", "pod", "removed", f"--patch={json.dumps(done)}")
    cluster.equal("finalizer: the pod is gone", cluster.kubectl.get("pod/removed"), None)


def pinned_templates(cluster, files, server):
    """With the component pin-templates, and as the chart says it."""

    def rules(text):
        cluster.must("delete", *WEBHOOKS)
        cluster.must("apply", "--server-side", "-f", "-", content=text)
        return cluster.kubectl.get("mutatingwebhookconfiguration/verimage")["webhooks"][0]["rules"]

    charted = rules(files.chart("verimage", "--set=webhook.pinTemplates=true", *CHARTED_WEBHOOKS))
    pinned = rules(files.kustomized("pin-templates"))
    cluster.equal("pin templates: component and chart have the same rules", charted, pinned)
    cluster.register(server)
    for kind, place in PINNED_KINDS.items():
        dry = ("create", "--dry-run=server", "-o", f"jsonpath={place}", "-f", "-")
        written = cluster.must(*dry, content=workload(kind, SIGNED, "pinned"))
        cluster.equal(f"pin templates, {kind}: has the digest", written, PINNED)
    dry = ("create", "--dry-run=server", "-o", f"jsonpath={PINNED_KINDS['Deployment']}", "-f", "-")
    written = cluster.must(*dry, content=workload("ReplicaSet", SIGNED, "pinned"))
    cluster.equal("pin templates, ReplicaSet: as its Deployment has it", written, SIGNED)


def outages(cluster, server):
    """Nobody answers."""
    create = ("create", "-f", "-")
    server.pause()
    cluster.refused("server that hangs: refused", *create, content=pod("x"), says=("failed calling webhook", "deadline exceeded"))
    server.go_on()
    cluster.admitted("server that answers again: admitted", *create, content=pod("again"))
    server.stop()
    says = ("failed calling webhook", "connection refused")
    cluster.refused("stopped server: a signed pod is refused", *create, content=pod("x"), says=says)
    cluster.refused("stopped server: a Deployment is refused", *create, content=workload("Deployment", SIGNED, "x"), says=says)
    ignore = json.dumps([{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}])
    for configuration in WEBHOOKS:
        cluster.must("patch", configuration, "--type=json", f"--patch={ignore}")
    cluster.admitted("stopped server, failurePolicy Ignore: an unsigned pod gets in", *create, content=pod("unjudged", UNSIGNED))
    cluster.equal("stopped server, failurePolicy Ignore: as it was written", image_of(cluster, "unjudged"), UNSIGNED)
