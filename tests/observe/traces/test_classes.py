"""Names of kernels, from many libraries, and what they are for."""

from __future__ import annotations

import pytest

from mfu_planner.observe.traces.classes import CLASSES, classify, rules

EXPECTED = {
    "communication": [
        "ncclKernel_AllReduce_RING_LL_Sum_float(ncclDevComm*, unsigned long, ncclWork*)",
        "ncclDevKernel_Generic(ncclDevKernelArgsStorage<4096ul>)",
        "rcclGenericKernel<1, 2, false>(ncclDevKernelArgsStorage<4096ul>)",
        "void deep_ep::intranode::combine<__nv_bfloat16, 8, 768, 4096>(__nv_bfloat16*, float*)",
        "void deep_ep::internode_ll::dispatch<true, false, 7168>(void*, void*)",
        "void my_fork::ep::internode::cached_notify<false>(int, int, int)",
        "void aiter::cross_device_reduce_2stage<__hip_bfloat16, 8>(aiter::RankData*)",
        "void vllm::cross_device_reduce_1stage<c10::Half, 2>(vllm::RankData*)",
        "void (anonymous namespace)::multimem_all_reduce_kernel<c10::BFloat16, 16>(c10::BFloat16*)",
        "two_shot_all_reduce_kernel_inplace<c10::BFloat16, 8>",
        "void flashinfer::trtllm_allreduce_fusion::allreduce_fusion_kernel_oneshot_lamport<0, __nv_bfloat16, 8>()",
        "nvshmemi_init_array_kernel",
        "mscclpp::allreduceAllPairs<__half>",
        "oneccl_allreduce_large_int32",
        "userbuffers_fp16_sum_inplace_gpu_rr_rs_oop",
        "EpCombineInterNodeKernel_fp8",
    ],
    "matrix": [
        "nvjet_tst_192x8_64x8_4x1_v_bz_TNT",
        "void cutlass::Kernel2<cutlass_80_tensorop_bf16_s16816gemm_relu_bf16_128x128_64x3_tn_align8>(Params)",
        "volta_sgemm_128x32_nt",
        "Cijk_Alik_Bljk_BBS_BH_Bias_HA_S_SAV_UserArgs_MT256x256x64_MI16x16x1",
        "void deep_gemm::fp8_gemm_kernel<7168u, 4096u, 128u>(float*)",
        "triton_tem_fused_addmm_mm_3",
        "void wgrad_alg0_engine<float, 128, 6, 7, 3, 3, 5, false, 512>(int, int)",
        "void cudnn::winograd_nonfused::winogradForwardOutput4x4<float, float>()",
        "igemm_fwd_gtcx3_nhwc_bf16_bx0_ex1_bt64x128x32",
        "_matmul_ogs_NNT_bf16xbf16xmxfp4_128x128x128x1",
    ],
    "attention": [
        "void flash_fwd_kernel<Flash_fwd_kernel_traits<128, 128, 64, 4, false, false, cutlass::bfloat16_t>>()",
        "void cutlass::device_kernel<flash::FlashAttnBwd<flash::CollectiveMainloopBwd<2, cute::tuple<cute::C<1>>>>>()",
        "fmha_cutlassF_bf16_aligned_64x64_rf_sm80(PyTorchMemEffAttention)",
        "cudnn_generated_fort_native_sdpa_sm90_flash_bprop_wgmma_f16_knob_7_64x128x128_4x1x1_kernel0_0",
        "aiter::fmha_fwd_hd128_bf16_rtz",
        "attn_fwd",
        "triton_tem_fused_flex_attention_0",
    ],
    "optimizer": [
        "void multi_tensor_apply_kernel<TensorListMetadata<4>, AdamFunctor<float>, float>(long, int volatile*)",
        "void at::native::(anonymous namespace)::multi_tensor_apply_kernel<at::native::TensorListMetadata<3>>()",
        "fused_adam_kernel",
        "kPreconditionOptimizer32bit2State",
    ],
    "normalization": [
        "void at::native::(anonymous namespace)::cunn_SoftMaxForward<8, float, float, float>()",
        "void layer_norm::ln_fwd_kernel<layer_norm::Kernel_traits<__nv_bfloat16>>()",
        "void cudnn::bn_fw_tr_1C11_kernel_NCHW<float, float, int, 128, true, 1, true>()",
        "void vllm::rms_norm_kernel<c10::BFloat16, 8, 2>()",
        "triton_red_fused_add_mul_native_layer_norm_16",
    ],
    "elementwise": [
        "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>>()",
        "void at::native::elementwise_kernel<128, 2, gpu_kernel_impl<CUDAFunctor_add<float>>(at::TensorIteratorBase&)"
        "::{lambda(int)#1}>()",
        "triton_poi_fused_all_gather_into_tensor_wait_tensor_mul_4",
        "triton_poi_fused_native_dropout_add_2",
        "void fbgemm_gpu::permute_2D_data_kernel<false, int, int>()",
        "void transformer_engine::detail::cast_transpose_kernel<float, __nv_bfloat16>()",
        "void at::native::distribution_elementwise_grid_stride_kernel<float, 4, normal_and_transform>()",
    ],
    "other": ["spin_kernel(long)", "", "αβγ"],
}


@pytest.mark.each("kind, name", [(kind, name) for kind, many in EXPECTED.items() for name in many])
def test_names_of_many_libraries(kind, name):
    """A name falls into the class of what it computes."""
    assert kind == classify(name)


@pytest.mark.each("rule", rules())
def test_each_rule_decides_its_own_example(rule):
    """No earlier rule takes a rule's example away; every rule says where its names come from."""
    assert rule.kind in CLASSES
    assert rule.kind == classify(rule.example)
    assert rule.origin
