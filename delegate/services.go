package delegate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
)

// The ranges that cluster IPs and node ports are given from: what kubeadm and kube-apiserver take when
// nobody says. The first address is left to the API itself, as in a cluster.
var clusterIPs = netip.MustParsePrefix("10.96.0.0/12")

const firstNodePort, lastNodePort = 30000, 32767

// serviceAllocator gives Services the cluster IPs and node ports that clients wait for and show; nothing
// listens on them. What is taken is read from the stored Services, so that there is no second record that
// could differ. It follows pkg/registry/core/service/storage: alloc.go and storage.go.
type serviceAllocator struct{ services *store }

// install makes the store ask the allocator.
func (a serviceAllocator) install() {
	a.services.BeginCreate = a.beginCreate
	a.services.BeginUpdate = a.beginUpdate
}

func (a serviceAllocator) beginCreate(ctx context.Context, obj runtime.Object, _ *metav1.CreateOptions) (genericregistry.FinishFunc, error) {
	s, ok := obj.(*corev1.Service)
	if !ok {
		return nil, fmt.Errorf("the services storage was given a %T", obj)
	}
	if s.Spec.ClusterIP != "" && len(s.Spec.ClusterIPs) == 0 {
		s.Spec.ClusterIPs = []string{s.Spec.ClusterIP}
	}
	return finished, a.allocate(ctx, s, nil)
}

func (a serviceAllocator) beginUpdate(ctx context.Context, obj, old runtime.Object, _ *metav1.UpdateOptions) (genericregistry.FinishFunc, error) {
	s, ok := obj.(*corev1.Service)
	before, was := old.(*corev1.Service)
	if !ok || !was {
		return nil, fmt.Errorf("the services storage was given a %T for a %T", obj, old)
	}
	keepAllocated(s, before)
	return finished, a.allocate(ctx, s, before)
}

// finished has nothing to give back: what was chosen is taken when the Service is stored.
func finished(context.Context, bool) {}

// keepAllocated fills in what a client left out that the stored Service was given, and takes away what a
// changed type has no use for.
func keepAllocated(s, old *corev1.Service) {
	switch {
	case !hasClusterIP(s):
		if s.Spec.ClusterIP == old.Spec.ClusterIP {
			s.Spec.ClusterIP, s.Spec.ClusterIPs = "", nil
			s.Spec.IPFamilies, s.Spec.IPFamilyPolicy = nil, nil
		}
	case s.Spec.ClusterIP == "" && hasClusterIP(old):
		s.Spec.ClusterIP, s.Spec.ClusterIPs = old.Spec.ClusterIP, old.Spec.ClusterIPs
		fallthrough
	case s.Spec.ClusterIP == old.Spec.ClusterIP:
		if len(s.Spec.ClusterIPs) == 0 {
			s.Spec.ClusterIPs = old.Spec.ClusterIPs
		}
		if len(s.Spec.IPFamilies) == 0 {
			s.Spec.IPFamilies = old.Spec.IPFamilies
		}
		if s.Spec.IPFamilyPolicy == nil {
			s.Spec.IPFamilyPolicy = old.Spec.IPFamilyPolicy
		}
	default:
		if slices.Equal(s.Spec.ClusterIPs, old.Spec.ClusterIPs) {
			s.Spec.ClusterIPs = []string{s.Spec.ClusterIP}
		}
	}
	keepNodePorts(s, old)
}

func keepNodePorts(s, old *corev1.Service) {
	was := map[string]int32{}
	for i := range old.Spec.Ports {
		was[old.Spec.Ports[i].Name] = old.Spec.Ports[i].NodePort
	}
	named := sets.New[int32]()
	for i := range s.Spec.Ports {
		named.Insert(s.Spec.Ports[i].NodePort)
	}
	for i := range s.Spec.Ports {
		p := &s.Spec.Ports[i]
		switch {
		case !hasNodePorts(s) && p.NodePort == was[p.Name]:
			p.NodePort = 0
		case hasNodePorts(s) && p.NodePort == 0 && !named.Has(was[p.Name]):
			p.NodePort = was[p.Name]
		}
	}
}

func hasClusterIP(s *corev1.Service) bool { return s.Spec.Type != corev1.ServiceTypeExternalName }

func hasNodePorts(s *corev1.Service) bool {
	return s.Spec.Type == corev1.ServiceTypeNodePort ||
		s.Spec.Type == corev1.ServiceTypeLoadBalancer && (s.Spec.AllocateLoadBalancerNodePorts == nil || *s.Spec.AllocateLoadBalancerNodePorts)
}

// allocate gives s what it lacks and refuses what another Service has. Services that already have all are
// not compared with the others.
func (a serviceAllocator) allocate(ctx context.Context, s, old *corev1.Service) error {
	if !hasClusterIP(s) || !lacks(s, old) {
		return nil
	}
	taken, err := a.taken(ctx, s)
	if err != nil {
		return err
	}
	spec := field.NewPath("spec")
	switch ip := s.Spec.ClusterIP; {
	case ip == "":
		s.Spec.ClusterIP = freeClusterIP(taken.ips)
		s.Spec.ClusterIPs = []string{s.Spec.ClusterIP}
	case ip != corev1.ClusterIPNone && taken.ips.Has(ip):
		return invalidService(s, field.Invalid(spec.Child("clusterIPs"), s.Spec.ClusterIPs,
			fmt.Sprintf("failed to allocate IP %s: provided IP is already allocated", ip)))
	}
	setFamily(s)
	if !hasNodePorts(s) {
		return nil
	}
	for i := range s.Spec.Ports {
		p := &s.Spec.Ports[i]
		switch {
		case p.NodePort == 0:
			p.NodePort = freeNodePort(taken.ports)
		case taken.ports.Has(p.NodePort):
			return invalidService(s, field.Invalid(spec.Child("ports").Index(i).Child("nodePort"), p.NodePort, "provided port is already allocated"))
		case p.NodePort < firstNodePort || p.NodePort > lastNodePort:
			return invalidService(s, field.Invalid(spec.Child("ports").Index(i).Child("nodePort"), p.NodePort,
				fmt.Sprintf("provided port is not in the valid range. The range of valid ports is %d-%d", firstNodePort, lastNodePort)))
		}
		taken.ports.Insert(p.NodePort)
	}
	return nil
}

func invalidService(s *corev1.Service, err *field.Error) error {
	return apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("Service").GroupKind(), s.Name, field.ErrorList{err})
}

// lacks tells whether s needs something that old, nil at a creation, did not have.
func lacks(s, old *corev1.Service) bool {
	if old == nil || s.Spec.ClusterIP == "" || s.Spec.ClusterIP != old.Spec.ClusterIP || len(s.Spec.IPFamilies) == 0 {
		return true
	}
	if !hasNodePorts(s) {
		return false
	}
	had := sets.New[int32]()
	for i := range old.Spec.Ports {
		had.Insert(old.Spec.Ports[i].NodePort)
	}
	return slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.NodePort == 0 || !had.Has(p.NodePort) })
}

// setFamily says which family the cluster IP is of. There is one family only, as in most clusters.
func setFamily(s *corev1.Service) {
	if len(s.Spec.IPFamilies) == 0 {
		family := corev1.IPv4Protocol
		if ip, err := netip.ParseAddr(s.Spec.ClusterIP); err == nil && ip.Is6() {
			family = corev1.IPv6Protocol
		}
		s.Spec.IPFamilies = []corev1.IPFamily{family}
	}
	setPointer(&s.Spec.IPFamilyPolicy, corev1.IPFamilyPolicySingleStack)
}

// allocated is what Services have.
type allocated struct {
	ips   sets.Set[string]
	ports sets.Set[int32]
}

// taken reads what all Services but s have.
func (a serviceAllocator) taken(ctx context.Context, s *corev1.Service) (allocated, error) {
	out := allocated{ips: sets.New[string](), ports: sets.New[int32]()}
	err := a.services.each(request.WithNamespace(ctx, metav1.NamespaceAll), func(obj runtime.Object) {
		other, ok := obj.(*corev1.Service)
		if !ok || other.Namespace == s.Namespace && other.Name == s.Name {
			return
		}
		out.ips.Insert(other.Spec.ClusterIPs...)
		for i := range other.Spec.Ports {
			out.ports.Insert(other.Spec.Ports[i].NodePort)
		}
	})
	if err != nil {
		return out, fmt.Errorf("reading the services to see which cluster IPs are free: %w", err)
	}
	return out, nil
}

// freeClusterIP starts anywhere, so that creations at the same time do not take the same.
func freeClusterIP(taken sets.Set[string]) string {
	size := uint32(1) << (32 - clusterIPs.Bits())
	bytes := clusterIPs.Addr().As4()
	for at := rand.Uint32N(size); ; at = (at + 1) % size { //nolint:gosec // Not a secret.
		ip := netip.AddrFrom4([4]byte{bytes[0], bytes[1] | byte(at>>16), byte(at >> 8), byte(at)})
		if at > 1 && at < size-1 && !taken.Has(ip.String()) {
			return ip.String()
		}
	}
}

// freeNodePort is 0 when all are taken, which validation refuses.
func freeNodePort(taken sets.Set[int32]) int32 {
	const size = lastNodePort - firstNodePort + 1
	start := rand.Int32N(size) //nolint:gosec // Not a secret.
	for i := range int32(size) {
		if port := firstNodePort + (start+i)%size; !taken.Has(port) {
			return port
		}
	}
	return 0
}
